"""Which BoringSSL the proxy links: Debian's, or an upstream build under BORINGSSL_ROOT."""

_DEBIAN = """
cc_library(
    name = "boringssl",
    hdrs = glob(["include/openssl/**/*.h"]),
    includes = ["include"],
    linkopts = ["-L{lib}", "-Wl,-rpath,{lib}", "-l:libssl.so.0", "-l:libcrypto.so.0"],
    visibility = ["//visibility:public"],
)
"""

_UPSTREAM = """
cc_library(
    name = "boringssl",
    srcs = ["lib/libssl.a", "lib/libcrypto.a"],
    hdrs = glob(["include/openssl/**/*.h"]),
    includes = ["include"],
    linkopts = ["-lpthread"],
    visibility = ["//visibility:public"],
)
"""

def _boringssl_repository(ctx):
    root = ctx.os.environ.get("BORINGSSL_ROOT", "")
    if root:
        ctx.symlink(root + "/include", "include")
        ctx.symlink(root + "/lib", "lib")
        ctx.file("BUILD.bazel", _UPSTREAM)
        return
    ctx.symlink("/usr/include/android", "include")
    arch = ctx.execute(["gcc", "-dumpmachine"]).stdout.strip()
    ctx.file("BUILD.bazel", _DEBIAN.format(lib = "/usr/lib/%s/android" % arch))

boringssl_repository = repository_rule(
    implementation = _boringssl_repository,
    environ = ["BORINGSSL_ROOT"],
)
