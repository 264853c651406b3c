#include "tools/sluicectl/connection.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/resource/tree.h"
#include "api/resource/yaml_tree.h"
#include "base/nearest.h"
#include "base/status_macros.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {
namespace {

using resource::Node;

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string ContextPath() {
  const std::string config = Variable("XDG_CONFIG_HOME");
  // What is not absolute is to be ignored, says the specification of these folders.
  if (absl::StartsWith(config, "/")) return absl::StrCat(config, "/sluice/contexts.yaml");
  const std::string home = Variable("HOME");
  return home.empty() ? "" : absl::StrCat(home, "/.config/sluice/contexts.yaml");
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  // Of an empty file nothing can be written into `content`, which is no failure to read it.
  if (!file) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read"));
  return content.str();
}

// Reads the one map that the file is.
class ContextReader {
 public:
  explicit ContextReader(std::string path) { file_.path = std::move(path); }

  absl::StatusOr<ContextFile> Read(absl::string_view text) {
    if (const uint32_t line = resource::FirstLineOfBadText(text); line != 0) {
      return Wrong(line, "no text in UTF-8");
    }
    absl::Status status;
    bool has_one = false;
    const auto on_node = [&](Node&& node) {
      if (status.ok()) status = has_one ? Wrong(node.line, "a second document") : ReadRoot(node);
      has_one = true;
    };
    const auto on_problem = [&](uint32_t line, const std::string& problem, const std::string&) {
      if (status.ok()) status = Wrong(line, problem);
    };
    resource::ParseYaml(text, 1, {on_node, on_problem});
    RETURN_IF_ERROR(status);
    if (!file_.current.empty() && file_.Find(file_.current) == nullptr) {
      return Wrong(current_line_,
                   absl::StrCat("current: there is no context \"", file_.current, "\""));
    }
    return std::move(file_);
  }

 private:
  absl::Status Wrong(uint32_t line, absl::string_view problem) const {
    return absl::InvalidArgumentError(absl::StrCat(file_.path, ":", line, ": ", problem));
  }

  absl::Status ReadRoot(const Node& root) {
    if (root.type == Node::Type::kNull) return absl::OkStatus();
    if (root.type != Node::Type::kMap) return Wrong(root.line, "want `current` and `contexts`");
    for (const Node& member : root.items) {
      if (member.key == "current") {
        current_line_ = member.line;
        RETURN_IF_ERROR(ReadText(member, &file_.current));
      } else if (member.key == "contexts" && member.type == Node::Type::kList) {
        for (const Node& item : member.items) RETURN_IF_ERROR(ReadContext(item));
      } else if (member.key == "contexts") {
        return Wrong(member.line, "contexts: want a list");
      } else {
        return Unknown(member, {"current", "contexts"});
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadContext(const Node& node) {
    if (node.type != Node::Type::kMap) return Wrong(node.line, "want a context: name, server, ...");
    Context context;
    Connection& c = context.connection;
    const std::pair<absl::string_view, std::string*> fields[] = {
        {"name", &context.name}, {"server", &c.server}, {"ca", &c.ca},
        {"cert", &c.cert},       {"key", &c.key},       {"server_name", &c.server_name}};
    std::vector<absl::string_view> names;
    for (const auto& [name, target] : fields) names.push_back(name);
    for (const Node& member : node.items) {
      const auto* const field = std::find_if(std::begin(fields), std::end(fields),
                                             [&](const auto& f) { return f.first == member.key; });
      if (field == std::end(fields)) return Unknown(member, names);
      RETURN_IF_ERROR(ReadText(member, field->second));
    }
    if (context.name.empty()) return Wrong(node.line, "a context needs a name");
    if (c.server.empty()) {
      return Wrong(node.line, absl::StrCat("context \"", context.name, "\" needs a server"));
    }
    if (file_.Find(context.name) != nullptr) {
      return Wrong(node.line, absl::StrCat("a second context \"", context.name, "\""));
    }
    const std::filesystem::path folder = std::filesystem::path(file_.path).parent_path();
    for (std::string* path : {&c.ca, &c.cert, &c.key}) {
      if (!path->empty()) *path = (folder / *path).string();
    }
    file_.contexts.push_back(std::move(context));
    return absl::OkStatus();
  }

  absl::Status ReadText(const Node& node, std::string* text) const {
    const bool is_text = node.type == Node::Type::kPlain || node.type == Node::Type::kString;
    if (!is_text || node.flaw != Node::Flaw::kNone || node.text.empty()) {
      return Wrong(node.line, absl::StrCat(node.key, ": want a text"));
    }
    *text = node.text;
    return absl::OkStatus();
  }

  absl::Status Unknown(const Node& node, const std::vector<absl::string_view>& known) const {
    const absl::string_view near = Nearest(node.key, known);
    return Wrong(
        node.key_line,
        absl::StrCat("there is no field \"", node.key, "\"",
                     near.empty() ? absl::StrCat("; there are ", absl::StrJoin(known, ", "))
                                  : absl::StrCat("; did you mean ", near, "?")));
  }

  ContextFile file_;
  uint32_t current_line_ = 0;
};

// The first that is not empty.
std::string First(std::string a, std::string b, const std::string& c) {
  return !a.empty() ? std::move(a) : !b.empty() ? std::move(b) : c;
}

}  // namespace

const Context* ContextFile::Find(absl::string_view name) const {
  for (const Context& context : contexts) {
    if (context.name == name) return &context;
  }
  return nullptr;
}

absl::StatusOr<ContextFile> ParseContexts(const std::string& path, absl::string_view text) {
  return ContextReader(path).Read(text);
}

absl::StatusOr<ContextFile> ReadContexts() {
  ContextFile none;
  none.path = ContextPath();
  if (none.path.empty() || access(none.path.c_str(), F_OK) != 0) return none;
  ASSIGN_OR_RETURN(const std::string text, ReadAll(none.path));
  return ParseContexts(none.path, text);
}

absl::Status UseContext(const ContextFile& file, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string text, ReadAll(file.path));
  // One line changes, so that comments and order stay as they are.
  const std::string line = absl::StrCat("current: ", name);
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  bool is_there = false;
  for (std::string& each : lines) {
    if (!absl::StartsWith(each, "current:")) continue;
    each = line;
    is_there = true;
  }
  if (!is_there) lines.insert(lines.begin(), line);
  const std::string written = absl::StrJoin(lines, "\n");
  const absl::StatusOr<ContextFile> check = ParseContexts(file.path, written);
  if (!check.ok() || check->current != name) {
    return absl::FailedPreconditionError(
        absl::StrCat(file.path, ": `current` cannot be set here; write \"", line, "\" into it"));
  }
  const std::string next = file.path + ".new";
  std::ofstream out(next, std::ios::binary | std::ios::trunc);
  out << written;
  out.close();
  if (!out || std::rename(next.c_str(), file.path.c_str()) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(file.path, ": cannot be written"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Connection> ResolveConnection(Connection flags, std::string context) {
  context = First(std::move(context), Variable("SLUICE_CONTEXT"), "");
  const std::string server = First(flags.server, Variable("SLUICE_SERVER"), "");
  Connection chosen;
  if (!context.empty() || server.empty()) {
    ASSIGN_OR_RETURN(const ContextFile file, ReadContexts());
    const std::string name = First(context, file.current, "");
    if (const Context* found = file.Find(name); found != nullptr) {
      chosen = found->connection;
    } else if (!name.empty()) {
      return UsageError(absl::StrCat("there is no context \"", name, "\" in ", file.path));
    }
  }
  chosen.server = First(server, chosen.server, kDefaultServer);
  chosen.ca = First(flags.ca, Variable("SLUICE_CA"), chosen.ca);
  chosen.cert = First(flags.cert, Variable("SLUICE_CERT"), chosen.cert);
  chosen.key = First(flags.key, Variable("SLUICE_KEY"), chosen.key);
  chosen.server_name = First(flags.server_name, Variable("SLUICE_SERVER_NAME"), chosen.server_name);
  if (chosen.cert.empty() != chosen.key.empty()) {
    return UsageError("--cert and --key: want both or neither");
  }
  if (chosen.ca.empty() && !(chosen.cert.empty() && chosen.server_name.empty())) {
    return UsageError("--ca: needed with --cert, --key and --server-name");
  }
  return chosen;
}

}  // namespace sluice::sluicectl
