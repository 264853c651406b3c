// Writes the generated pages: bazel run //tools/docs:write_reference
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tools/docs/reference.h"

namespace {

int Write(const std::string& directory, const sluice::docs::ReferencePage& page) {
  const std::filesystem::path path = std::filesystem::path(directory) / page.file;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path);
  file << page.text;
  if (file.flush()) return 0;
  std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace == nullptr) {
    std::fprintf(stderr, "run it with: bazel run //tools/docs:write_reference\n");
    return 2;
  }
  const auto reference =
      sluice::docs::MakeReference("api", std::vector<std::string>(argv + 1, argv + argc));
  if (!reference.ok()) {
    std::fprintf(stderr, "%s\n", reference.status().ToString().c_str());
    return 1;
  }
  int status = 0;
  for (const sluice::docs::ReferencePage& page : reference->pages) {
    status |= Write(std::string(workspace) + "/docs/reference", page);
  }
  return status;
}
