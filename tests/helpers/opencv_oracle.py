"""OpenCV as the oracle of what the command writes."""

import cv2
import numpy as np


def read_with_opencv(path) -> np.ndarray:
    """The picture as it is stored."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def magnitude(gray: np.ndarray) -> np.ndarray:
    """OpenCV's Sobel magnitude with a zero border."""
    border = {"borderType": cv2.BORDER_CONSTANT}
    x = cv2.Sobel(gray, cv2.CV_64F, 1, 0, **border)
    y = cv2.Sobel(gray, cv2.CV_64F, 0, 1, **border)
    return np.hypot(x, y)
