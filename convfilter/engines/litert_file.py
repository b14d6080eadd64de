"""Where arrays and numbers lie in a LiteRT file, by the schema that LiteRT itself comes with."""

from collections.abc import Iterator, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from convfilter.engines.form import Form, as_stored, channels_along, layers_along, numbers_of
from convfilter.engines.stages import Convolve, Depthwise, FromBytes, Pooling, Step, ToBytes

_Operator = schema.BuiltinOperator
_KINDS = (
    _Operator.CONV_2D,
    _Operator.DEPTHWISE_CONV_2D,
    _Operator.MAX_POOL_2D,
    _Operator.AVERAGE_POOL_2D,
)
# The fields of a table in the schema, as its vtable counts them: 4 and two more for each field before it.
_SHAPE, _DATA = 4, 4
_CONV_NUMBERS = (8, 6, 14, 12)  # strides and dilations, of rows and columns
_DEPTHWISE_NUMBERS = (16, 14)  # dilations
_POOL_NUMBERS = (8, 6, 12, 10)  # strides, then the window's size


def places_in(model: bytes, form: Form, weights: Sequence[np.ndarray]) -> tuple[int, ...] | None:
    """Where form.filled writes what belongs to a stage: for each step the shape and the data offset of its
    weights and of its bias, then its numbers; then, in pairs, the number of channels in a tensor's shape and
    which of form.channels_along it is.

    weights: those that the model was exported with, in Keras' shapes. None where the file's operators are not
    those of the steps, or don't hold these weights as they are.
    """
    file = schema.Model.GetRootAs(model, 0)
    graph, wanted = file.Subgraphs(0), iter(weights)
    operators = (graph.Operators(number) for number in range(graph.OperatorsLength()))
    left = [each for each in operators if _kind(file, each) in _KINDS]
    found: list[int] = []
    for step, layers in zip(form.steps, layers_along(form.steps), strict=True):
        for _ in range(layers if isinstance(step, Convolve | Depthwise | Pooling) else 0):
            arrays = [] if isinstance(step, Pooling) else [next(wanted), next(wanted)]
            mine = next((each for each in left if _holds(file, each, arrays)), None)
            if mine is None:
                return None
            left.remove(mine)
            for number in range(len(arrays)):
                found += _array_places(file, graph.Tensors(mine.Inputs(number + 1)))
            found += _number_places(mine, step)
    if left or next(wanted, None) is not None:
        return None
    return *found, *(() if form.exact else _channel_places(file, form))


def _holds(file: Any, operator: Any, arrays: Sequence[np.ndarray]) -> bool:
    """Whether the operator's weights and bias, if it has any, are these."""
    tensors = [file.Subgraphs(0).Tensors(operator.Inputs(number + 1)) for number in range(len(arrays))]
    stored = [as_stored(each) for each in arrays]
    return all(
        _array(file, tensor) == (list(each.shape), each.tobytes())
        for tensor, each in zip(tensors, stored, strict=True)
    )


def _channel_places(file: Any, form: Form) -> Iterator[int]:
    """Where the numbers of channels in the shapes of what the steps compute lie, each with its number among
    form.channels_along. LiteRT plans a convolution by these shapes before it knows the picture's size."""
    graph, counts = file.Subgraphs(0), channels_along(form.steps, form.channels)
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        if tensor.ShapeLength() == 4 and not _array(file, tensor)[1]:
            axis = max(range(4), key=tensor.Shape)
            yield tensor._tab.Vector(tensor._tab.Offset(_SHAPE)) + 4 * axis
            yield counts.index(tensor.Shape(axis))


def plain(model: bytes, steps: Sequence[Step]) -> bytes:
    """The exported model as a form is kept: it takes and gives bytes as its steps do, has a number for each
    dilation, which a file leaves out where it is 1, and no names, which differ from export to export."""
    file = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = file.subgraphs[0]
    if FromBytes() in steps or ToBytes() in steps:
        _drop_conversions(file, steps)
    for operator in graph.operators:
        if hasattr(operator.builtinOptions, "dilationHFactor"):
            operator.builtinOptions.dilationHFactor = operator.builtinOptions.dilationWFactor = 2
    for tensor in graph.tensors:
        tensor.name = None
    for each in file.metadata or ():
        file.buffers[each.buffer].data = None
    file.metadata, file.signatureDefs = [], []
    builder = flatbuffers.Builder()
    builder.Finish(file.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _drop_conversions(file: Any, steps: Sequence[Step]) -> None:
    """Leave out the conversions that turn bytes to floats and back where no number changes.

    These are the one to bytes before FromBytes, the one to floats behind ToBytes, and pairs of both between.
    """
    graph = file.subgraphs[0]
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in file.operatorCodes]
    operators, kept = graph.operators, []
    floats: dict[int, int] = {}  # bytes → the floats they were made of
    same: dict[int, int] = {}  # floats made of bytes → the floats that those were made of
    for operator in operators:
        operator.inputs = [same.get(tensor, tensor) for tensor in operator.inputs]
        kind, taken, made = codes[operator.opcodeIndex], operator.inputs[0], operator.outputs[0]
        if kind == _Operator.QUANTIZE and taken in graph.inputs and FromBytes() in steps:
            graph.inputs = [made]
        elif kind == _Operator.DEQUANTIZE and made in graph.outputs and ToBytes() in steps:
            graph.outputs = [taken]
        elif kind == _Operator.DEQUANTIZE and taken in floats:
            same[made] = floats[taken]
        else:
            kept.append(operator)
            if kind == _Operator.QUANTIZE:
                floats[made] = taken
    needed = {*graph.outputs, *(tensor for operator in kept for tensor in operator.inputs)}
    graph.operators = [operator for operator in kept if operator.outputs[0] in needed]


def _kind(file: Any, operator: Any) -> int:
    code = file.OperatorCodes(operator.OpcodeIndex())
    return int(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))


def _array(file: Any, tensor: Any) -> tuple[list[int], bytes]:
    """A tensor's shape and bytes."""
    data = file.Buffers(tensor.Buffer()).DataAsNumpy()
    shape = [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]
    return shape, data.tobytes() if isinstance(data, np.ndarray) else b""


def _array_places(file: Any, tensor: Any) -> Iterator[int]:
    """Where its shape's first number lies, and where the offset of its bytes does."""
    table = tensor._tab
    yield table.Vector(table.Offset(_SHAPE))
    buffer = file.Buffers(tensor.Buffer())._tab
    yield buffer.Pos + buffer.Offset(_DATA)


def _number_places(operator: Any, step: Step) -> Iterator[int]:
    """Where the numbers of form.numbers_of lie."""
    if not numbers_of(step):
        return
    table = operator.BuiltinOptions()
    fields = {Convolve: _CONV_NUMBERS, Depthwise: _DEPTHWISE_NUMBERS, Pooling: _POOL_NUMBERS}[type(step)]
    for field in fields:
        yield table.Pos + _offset(table, field)


def _offset(table: Any, field: int) -> int:
    """How far behind the table's beginning the field lies. Raises ValueError where it is left out."""
    found = int(table.Offset(field))
    if not found:
        raise ValueError("a LiteRT file without a number that its steps have")
    return found
