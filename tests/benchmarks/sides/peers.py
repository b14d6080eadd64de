"""Whole programs for one picture, as users of other libraries write them: IN and OUT are the two arguments."""

OPENCV = """
import sys, cv2, numpy as np
gray = cv2.imread(sys.argv[1], cv2.IMREAD_GRAYSCALE)
kernel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
x = cv2.filter2D(gray, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
y = cv2.filter2D(gray, cv2.CV_32F, kernel.T, borderType=cv2.BORDER_CONSTANT)
cv2.imwrite(sys.argv[2], cv2.convertScaleAbs(cv2.magnitude(x, y)), [cv2.IMWRITE_JPEG_QUALITY, 95])
"""
OPENCV_ONE_KERNEL = """
import sys, cv2, numpy as np
gray = cv2.imread(sys.argv[1], cv2.IMREAD_GRAYSCALE)
kernel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
x = cv2.filter2D(gray, cv2.CV_16S, kernel, borderType=cv2.BORDER_CONSTANT)
cv2.imwrite(sys.argv[2], cv2.convertScaleAbs(x), [cv2.IMWRITE_JPEG_QUALITY, 95])
"""
PILLOW = """
import sys
from PIL import Image, ImageFilter
gray = Image.open(sys.argv[1])
gray.draft("L", gray.size)
gray = gray.convert("L")
gray.filter(ImageFilter.Kernel((3, 3), [-1, 0, 1, -2, 0, 2, -1, 0, 1], 1)).save(sys.argv[2], quality=95)
"""
SKIMAGE = """
import sys
from skimage import io, filters
edges = filters.sobel(io.imread(sys.argv[1], as_gray=True))
io.imsave(sys.argv[2], (edges.clip(0, 1) * 255).astype("uint8"), quality=95)
"""
KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from PIL import Image
gray = np.asarray(Image.open(sys.argv[1]).convert("L"), "float32")[None, ..., None]
model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.ZeroPadding2D(1),
                          keras.layers.Conv2D(2, 3, use_bias=False)])
kernel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
model.set_weights([np.stack([kernel, kernel.T], -1)[:, :, None]])
edges = np.sqrt((model.predict(gray, verbose=0)[0] ** 2).sum(-1))
Image.fromarray(edges.clip(0, 255).round().astype("uint8")).save(sys.argv[2], quality=95)
"""
PYVIPS = """
import sys, pyvips
pyvips.Image.new_from_file(sys.argv[1], access="sequential").sobel().write_to_file(sys.argv[2])
"""
