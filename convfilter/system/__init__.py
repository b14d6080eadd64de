"""Files, interrupts, the terminal and the machine: the ground for the other wings. Knows no pictures."""
