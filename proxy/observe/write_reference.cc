// Writes the generated pages: bazel run //proxy/observe:write_reference
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "proxy/observe/reference.h"

int main() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace == nullptr) {
    std::fprintf(stderr, "run it with: bazel run //proxy/observe:write_reference\n");
    return 2;
  }
  for (const sluice::observe::ReferencePage& page : sluice::observe::ReferencePages()) {
    std::ofstream file(std::string(workspace) + "/docs/reference/" + page.file);
    file << page.text;
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write docs/reference/%s\n", page.file.c_str());
      return 1;
    }
  }
  return 0;
}
