"""Networks that others trained, by the names that keras.applications has for them.

Their weights are fetched by Keras, which keeps them in its own folder, when a user names one, and never
otherwise.
"""

import warnings
from typing import TYPE_CHECKING

from convfilter.backend import keras_home
from convfilter.errors import DataError, reason
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from convfilter.model.boot import keras


@dataclass(frozen=True)
class Application:
    """A function of keras.applications, a way of preprocess.WAYS, and the side that it was trained on."""

    function: str
    way: str
    side: int = 224


APPLICATIONS: dict[str, Application] = {
    "vgg16": Application("VGG16", "caffe"),
    "vgg19": Application("VGG19", "caffe"),
    "resnet50": Application("ResNet50", "caffe"),
    "resnet101": Application("ResNet101", "caffe"),
    "resnet152": Application("ResNet152", "caffe"),
    "resnet50v2": Application("ResNet50V2", "tf"),
    "resnet101v2": Application("ResNet101V2", "tf"),
    "mobilenet": Application("MobileNet", "tf"),
    "mobilenetv2": Application("MobileNetV2", "tf"),
    "mobilenetv3small": Application("MobileNetV3Small", "bytes"),
    "mobilenetv3large": Application("MobileNetV3Large", "bytes"),
    "inceptionv3": Application("InceptionV3", "tf", 299),
    "xception": Application("Xception", "tf", 299),
    "densenet121": Application("DenseNet121", "torch"),
    "efficientnetb0": Application("EfficientNetB0", "bytes"),
    "efficientnetv2b0": Application("EfficientNetV2B0", "bytes"),
    "convnexttiny": Application("ConvNeXtTiny", "bytes"),
    "nasnetmobile": Application("NASNetMobile", "tf"),
}


def load_application(name: str) -> "keras.Model":
    """The network of that name without its last, dense layers, for colour pictures (H, W, 3) of 0 to 1 and
    any size. Raises DataError where its weights are neither in Keras' folder nor to be had."""
    from convfilter.model.boot import keras
    from convfilter.networks.preprocess import Preprocess
    from convfilter.system.stderr import quiet

    known = APPLICATIONS[name]
    seen = Preprocess(known.way, name="preprocess")(keras.Input((None, None, 3), name="picture"))
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that any size is asked for
            return getattr(keras.applications, known.function)(include_top=False, input_tensor=seen)
    except Exception as error:  # whatever the network, the disk, or a damaged file make of it
        place = keras_home() / "models"
        raise DataError(
            f"{name}: Keras can't get its weights ({reason(error)}); put their file into {place}"
        ) from error


def source_of(name: str) -> str:
    """The `source` of an application, for kernels taken from it."""
    return f"keras.applications.{APPLICATIONS[name].function}, weights of ImageNet"
