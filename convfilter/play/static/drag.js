// Pointers on an element: one presses and moves, two pinch, a mouse hovers.

/**
 * Calls press(event) → whether the press itself does something; move(event, dx, dy, pressed) while it is
 * held, in CSS pixels since the last call; hover(event) while nothing is held; pinch(factor, x, y) where two
 * fingers are.
 */
export function drag(target, { press, move, hover, pinch }) {
  const held = new Map();
  let pressed = false;

  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    target.setPointerCapture(event.pointerId);
    held.set(event.pointerId, [event.clientX, event.clientY]);
    pressed = held.size === 1 && Boolean(press(event));
  });
  target.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return hover(event);
    const here = [event.clientX, event.clientY];
    if (held.size === 1) move(event, here[0] - last[0], here[1] - last[1], pressed);
    else pinched(event.pointerId, last, here);
    held.set(event.pointerId, here);
    return undefined;
  });
  const release = (event) => held.delete(event.pointerId);
  target.addEventListener("pointerup", release);
  target.addEventListener("pointercancel", release);

  function pinched(id, last, here) {
    const [, other] = [...held].find(([each]) => each !== id);
    const distance = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
    pinch(distance(here) / distance(last), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
  }
}
