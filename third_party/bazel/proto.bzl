"""C++ code from .proto files, by Debian's protoc. Import paths start below `root`, which is api/."""

def _out(name, suffix):
    return name[:-len(".proto")] + suffix

def _generate(name, srcs, outs, inputs, flags, root):
    package = native.package_name()
    native.genrule(
        name = name,
        srcs = inputs,
        outs = outs,
        cmd = "/usr/bin/protoc -I%s -I/usr/include %s %s" %
              (root, flags, " ".join(["%s/%s" % (package, src) for src in srcs])),
        message = "Generating C++ of",
    )

def cc_proto(name, srcs, deps = [], root = "api", **kwargs):
    """A cc_library of the messages of `srcs`.

    Args:
      name: of the library.
      srcs: .proto files of this package.
      deps: other cc_proto targets, whose files these import.
      root: a folder above this package.
      **kwargs: visibility and the like.
    """
    headers = [_out(src, ".pb.h") for src in srcs]
    sources = [_out(src, ".pb.cc") for src in srcs]
    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + [dep + "_srcs" for dep in deps],
        visibility = ["//visibility:public"],
    )
    _generate(
        name = name + "_gen",
        srcs = srcs,
        outs = headers + sources,
        inputs = [":" + name + "_srcs"],
        flags = "--cpp_out=$(GENDIR)/" + root,
        root = root,
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],
        strip_include_prefix = "/" + root,
        deps = deps + ["//third_party:protobuf"],
        **kwargs
    )

def cc_grpc(name, srcs, deps, root = "api", **kwargs):
    """A cc_library of the services of `srcs`, apart from the messages: only those bring gRPC in.

    Args:
      name: of the library.
      srcs: .proto files of this package.
      deps: the cc_proto targets that hold their messages.
      root: a folder above this package.
      **kwargs: visibility and the like.
    """
    headers = [_out(src, ".grpc.pb.h") for src in srcs]
    sources = [_out(src, ".grpc.pb.cc") for src in srcs]
    _generate(
        name = name + "_gen",
        srcs = srcs,
        outs = headers + sources,
        inputs = [dep + "_srcs" for dep in deps],
        flags = "--grpc_out=$(GENDIR)/%s --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin" % root,
        root = root,
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],
        strip_include_prefix = "/" + root,
        deps = deps + ["//third_party:grpc"],
        **kwargs
    )
