#include "api/resource/json.h"

#include <utility>

#include "absl/strings/strip.h"
#include "api/resource/json_tree.h"
#include "api/resource/reader.h"
#include "api/resource/text.h"
#include "api/resource/to_tree.h"

namespace sluice::resource {
namespace {

class Printer {
 public:
  explicit Printer(bool is_compact) : is_compact_(is_compact) {}

  void Print(const Node& node) {
    switch (node.type) {
      case Node::Type::kNull:
        out_.append("null");
        break;
      case Node::Type::kPlain:
        out_.append(node.text);
        break;
      case Node::Type::kString:
        out_.append(QuoteJson(node.text));
        break;
      case Node::Type::kList:
      case Node::Type::kMap:
        PrintItems(node);
        break;
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  void PrintItems(const Node& node) {
    const bool is_map = node.type == Node::Type::kMap;
    out_.push_back(is_map ? '{' : '[');
    ++depth_;
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (i > 0) out_.push_back(',');
      NewLine();
      if (is_map) out_.append(QuoteJson(node.items[i].key)).append(is_compact_ ? ":" : ": ");
      Print(node.items[i]);
    }
    --depth_;
    if (!node.items.empty()) NewLine();
    out_.push_back(is_map ? '}' : ']');
  }

  void NewLine() {
    if (!is_compact_) out_.append("\n").append(2 * depth_, ' ');
  }

  const bool is_compact_;
  size_t depth_ = 0;
  std::string out_;
};

}  // namespace

ReadResult ReadJson(absl::string_view text, const ReadOptions& options) {
  ReadResult result;
  Reader reader(options, Syntax::kJson, result);
  if (!IsReadableText(text, options, result)) return result;
  const auto on_node = [&reader](Node&& node) { reader.Read(std::move(node)); };
  const auto on_problem = [&reader](uint32_t line, std::string problem, std::string want) {
    reader.RefuseText(line, std::move(problem), std::move(want));
  };
  ParseJson(absl::StripPrefix(text, kByteOrderMark), {on_node, on_problem});
  Sort(result.problems);
  return result;
}

std::string ToJson(const Node& tree, bool is_compact) {
  Printer printer(is_compact);
  printer.Print(tree);
  return printer.Take();
}

std::string ToJson(const v1::Resource& resource, bool is_compact) {
  return ToJson(ToTree(resource), is_compact);
}

std::string ToJson(const std::vector<v1::Resource>& resources, bool is_compact) {
  Node list;
  list.type = Node::Type::kList;
  list.key = "resources";
  for (const v1::Resource& resource : resources) list.items.push_back(ToTree(resource));
  Node map;
  map.type = Node::Type::kMap;
  map.items.push_back(std::move(list));
  return ToJson(map, is_compact);
}

}  // namespace sluice::resource
