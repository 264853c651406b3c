"""Tests in Python 3, from the standard library's unittest."""

def python_test(name, src, args = [], data = [], deps = [], size = "small", **kwargs):
    """Runs `src` with Debian's Python.

    Bazel's own py_test starts its programs with `python`, which Debian does not have.

    Args:
      name: of the test.
      src: the file that runs the tests when it is started.
      args: for it.
      data: files that it reads.
      deps: other Python files that it imports, from its own folder.
      size: as of any test.
      **kwargs: tags and the like.
    """
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//tools:run_python.sh"],
        args = ["$(location %s)" % src] + args,
        data = [src] + deps + data,
        **kwargs
    )
