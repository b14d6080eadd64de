"""Engines compute pipelines; one engine per module, imported when it is used.

    keras_engine.KerasEngine  Keras itself, on the backend and device asked for: the definition of a filter
    compiled.CompiledEngine   Keras' export of the filter, run by LiteRT on the CPU

base.Engine is what both offer; choose.choose_engine picks one.
"""
