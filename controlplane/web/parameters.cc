#include "controlplane/web/parameters.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/resource/json_tree.h"
#include "api/resource/tree.h"
#include "base/nearest.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::web {
namespace {

using resource::Node;
using resource::Problem;

Problem MakeProblem(absl::string_view field, std::string problem, std::string want) {
  Problem made;
  made.field = std::string(field);
  made.problem = std::move(problem);
  made.want = std::move(want);
  return made;
}

Problem Unknown(absl::string_view name, std::vector<absl::string_view> known) {
  const absl::string_view nearest = Nearest(name, known);
  return MakeProblem(
      name, nearest.empty() ? "unknown" : absl::StrCat("unknown; did you mean ", nearest, "?"), "");
}

// Members of a JSON object into a request.
class RollbackReader {
 public:
  RollbackReader(v1::RollbackRequest* request, std::vector<Problem>* problems)
      : request_(*request), options_(*request->mutable_options()), problems_(*problems) {}

  void Read(const Node& body) {
    if (body.type != Node::Type::kMap) {
      return Refuse(body, "", "the body is not an object", R"({"generation": NUMBER, ...})");
    }
    for (const Node& member : body.items) ReadMember(member);
    if (request_.generation() == 0) Refuse(body, "generation", "required", "1 or more");
  }

 private:
  void ReadMember(const Node& member) {
    const std::string& key = member.key;
    if (key == "generation") {
      request_.set_generation(Uint(member));
    } else if (key == "expect") {
      options_.set_expect(Uint(member));
    } else if (key == "dry_run") {
      options_.set_dry_run(Bool(member));
    } else if (key == "allow_skew") {
      options_.set_allow_skew(Bool(member));
    } else if (key == "message") {
      options_.set_message(Text(member, key));
    } else if (key == "author") {
      options_.set_author(Text(member, key));
    } else if (key == "labels") {
      for (const Node& label : List(member)) request_.add_labels(Text(label, key));
    } else if (key == "keys") {
      for (const Node& item : List(member)) ReadKey(item);
    } else {
      problems_.push_back(Unknown(key, {"generation", "expect", "dry_run", "allow_skew", "message",
                                        "author", "labels", "keys"}));
    }
  }

  void ReadKey(const Node& item) {
    v1::ResourceKey& key = *request_.add_keys();
    if (item.type != Node::Type::kMap) {
      return Refuse(item, "keys", "not an object", R"({"kind": "Route", "name": "orders"})");
    }
    for (const Node& member : item.items) {
      if (member.key == "kind") {
        key.set_kind(Text(member, "keys.kind"));
      } else if (member.key == "name") {
        key.set_name(Text(member, "keys.name"));
      } else {
        problems_.push_back(Unknown(absl::StrCat("keys.", member.key), {"keys.kind", "keys.name"}));
      }
    }
  }

  uint64_t Uint(const Node& node) {
    uint64_t value = 0;
    if (node.type != Node::Type::kPlain || !absl::SimpleAtoi(node.text, &value)) {
      Refuse(node, node.key, "not a whole number", "a number");
    }
    return value;
  }

  bool Bool(const Node& node) {
    const bool is_bool = node.text == "true" || node.text == "false";
    if (node.type != Node::Type::kPlain || !is_bool) {
      Refuse(node, node.key, "not a boolean", "true or false");
    }
    return node.text == "true";
  }

  std::string Text(const Node& node, const std::string& field) {
    if (node.type != Node::Type::kString) Refuse(node, field, "not a text", "a text in quotes");
    return node.text;
  }

  const std::vector<Node>& List(const Node& node) {
    static const auto& none = *new std::vector<Node>();
    if (node.type == Node::Type::kList) return node.items;
    Refuse(node, node.key, "not a list", "[...]");
    return none;
  }

  void Refuse(const Node& node, absl::string_view field, std::string problem, std::string want) {
    problems_.push_back(MakeProblem(field, std::move(problem), std::move(want)));
    problems_.back().line = node.line;
  }

  v1::RollbackRequest& request_;
  v1::ApplyRequest::Options& options_;
  std::vector<Problem>& problems_;
};

}  // namespace

Parameters::Parameters(std::vector<std::pair<std::string, std::string>> given,
                       absl::Span<const absl::string_view> known)
    : given_(std::move(given)) {
  for (const auto& [name, value] : given_) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      problems_.push_back(Unknown(name, {known.begin(), known.end()}));
    }
  }
}

std::optional<std::string> Parameters::Text(absl::string_view name) const {
  for (auto it = given_.rbegin(); it != given_.rend(); ++it) {
    if (it->first == name) return it->second;
  }
  return std::nullopt;
}

std::optional<uint64_t> Parameters::OptionalUint(absl::string_view name) {
  const std::optional<std::string> text = Text(name);
  if (!text.has_value() || text->empty()) return std::nullopt;
  uint64_t value = 0;
  if (!absl::SimpleAtoi(*text, &value)) {
    Refuse(name, absl::StrCat("not a whole number, got ", resource::Quoted(*text)), "a number");
  }
  return value;
}

bool Parameters::Bool(absl::string_view name) {
  const std::optional<std::string> text = Text(name);
  if (!text.has_value() || *text == "false") return false;
  if (!text->empty() && *text != "true") {
    Refuse(name, absl::StrCat("not a boolean, got ", resource::Quoted(*text)), "true or false");
  }
  return true;
}

std::vector<std::string> Parameters::Texts(absl::string_view name) const {
  std::vector<std::string> all;
  for (const auto& [given, value] : given_) {
    if (given != name) continue;
    for (absl::string_view part : absl::StrSplit(value, ',', absl::SkipEmpty())) {
      all.emplace_back(part);
    }
  }
  return all;
}

void Parameters::Refuse(absl::string_view name, std::string problem, std::string want) {
  problems_.push_back(MakeProblem(name, std::move(problem), std::move(want)));
}

std::vector<Problem> ReadRollback(absl::string_view json, v1::RollbackRequest* request) {
  std::vector<Problem> problems;
  if (const uint32_t line = resource::FirstLineOfBadText(json); line != 0) {
    problems.push_back(MakeProblem("", absl::StrCat("line ", line, " is not valid UTF-8"), ""));
    return problems;
  }
  int nodes = 0;
  const auto on_node = [&](Node&& node) {
    if (++nodes == 1) RollbackReader(request, &problems).Read(node);
  };
  const auto on_problem = [&](uint32_t line, std::string problem, std::string want) {
    problems.push_back(MakeProblem("", std::move(problem), std::move(want)));
    problems.back().line = line;
  };
  resource::ParseJson(json, {on_node, on_problem});
  if (nodes != 1 && problems.empty()) {
    problems.push_back(MakeProblem("", "the body is not one object", R"({"generation": NUMBER})"));
  }
  return problems;
}

}  // namespace sluice::web
