"""Fuzz targets: a libFuzzer binary with --config=fuzz, a replay of the corpus otherwise."""

def fuzz_target(name, srcs, corpus, deps = [], data = []):
    """Defines `name`.

    In a normal run it is a cc_test that passes every file of the corpus to the target once; with
    --config=fuzz it is the libFuzzer binary itself, which `tools/test --fuzz` runs.

    Args:
      name: ends in _fuzz.
      srcs: define LLVMFuzzerTestOneInput.
      corpus: label of a filegroup of seed inputs, below //test/corpora.
      deps: libraries.
      data: files that the target reads.
    """
    native.cc_test(
        name = name,
        size = "small",
        srcs = srcs,
        args = ["$(locations %s)" % corpus],
        data = data + [corpus],
        linkopts = select({
            "//test:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = ["fuzz"],
        deps = deps + select({
            "//test:fuzzing": [],
            "//conditions:default": ["//test:replay_main"],
        }),
    )
