#include "api/resource/yaml.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/reader.h"
#include "api/resource/text.h"
#include "api/resource/to_tree.h"
#include "api/resource/yaml_tree.h"

namespace sluice::resource {
namespace {

// Longer lists of words are written one word a line.
constexpr size_t kLineBytes = 80;

// Whether the text means itself without quotes, for every YAML reader: a word that no version of
// YAML takes for a number, a date, a boolean or a structure.
bool IsSafe(absl::string_view text) {
  if (text.empty()) return false;
  bool has_letter = false;
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (absl::ascii_isalpha(u) || c == '/') has_letter = true;
    if (!absl::ascii_isalnum(u) && !absl::StrContains("/._-", c)) return false;
  }
  const char first = text[0];
  // "1e3", ".inf" and "0x1" are numbers; "-" begins an element.
  const bool is_word = has_letter && (absl::ascii_isalpha(static_cast<unsigned char>(first)) ||
                                      first == '/' || first == '_');
  if (!is_word) return false;
  static constexpr absl::string_view kReserved[] = {"true", "false", "yes", "no", "on",
                                                    "off",  "null",  "y",   "n"};
  for (absl::string_view word : kReserved) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  return true;
}

// "15s" and "64KiB": not a number in any YAML, and ugly in quotes.
bool IsQuantity(absl::string_view text) {
  const size_t unit = text.find_first_not_of("0123456789");
  if (unit == 0 || unit == absl::string_view::npos) return false;
  for (char c : text.substr(unit)) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) return false;
  }
  static constexpr absl::string_view kUnits[] = {"s", "m", "h", "ms", "KiB", "MiB", "GiB", "TiB"};
  const absl::string_view last = text.substr(text.find_last_of("0123456789") + 1);
  for (absl::string_view known : kUnits) {
    if (last == known) return true;
  }
  return false;
}

std::string Word(absl::string_view text) {
  return IsSafe(text) || IsQuantity(text) ? std::string(text) : QuoteJson(text);
}

bool IsScalar(const Node& node) {
  return node.type == Node::Type::kPlain || node.type == Node::Type::kString;
}

std::string ScalarText(const Node& node) {
  return node.type == Node::Type::kPlain ? node.text : Word(node.text);
}

// "[a, b]"; empty if the list is too long for a line or holds more than words.
std::string ShortList(const Node& list) {
  std::string text = "[";
  for (const Node& item : list.items) {
    if (!IsScalar(item)) return "";
    absl::StrAppend(&text, text.size() > 1 ? ", " : "", ScalarText(item));
    if (text.size() > kLineBytes) return "";
  }
  return text + "]";
}

void AppendMap(const Node& map, size_t indent, std::string& out);

// The value of a key or of an element, from behind the ":" or "-" to the end of its last line.
void AppendValue(const Node& node, size_t indent, std::string& out);

void AppendList(const Node& list, size_t indent, std::string& out) {
  for (const Node& item : list.items) {
    out.append(indent, ' ').append("-");
    if (item.type == Node::Type::kMap && !item.items.empty()) {
      // The first field stands behind the dash, the others below it.
      std::string lines;
      AppendMap(item, indent + 2, lines);
      absl::StrAppend(&out, " ", absl::StripLeadingAsciiWhitespace(lines));
    } else {
      AppendValue(item, indent + 2, out);
    }
  }
}

void AppendValue(const Node& node, size_t indent, std::string& out) {
  if (IsScalar(node)) {
    absl::StrAppend(&out, " ", ScalarText(node), "\n");
  } else if (node.items.empty()) {
    absl::StrAppend(&out, node.type == Node::Type::kMap ? " {}\n" : " []\n");
  } else if (node.type == Node::Type::kMap) {
    out.append("\n");
    AppendMap(node, indent, out);
  } else if (const std::string text = ShortList(node); !text.empty()) {
    absl::StrAppend(&out, " ", text, "\n");
  } else {
    out.append("\n");
    AppendList(node, indent, out);
  }
}

void AppendMap(const Node& map, size_t indent, std::string& out) {
  for (const Node& item : map.items) {
    out.append(indent, ' ');
    absl::StrAppend(&out, Word(item.key), ":");
    AppendValue(item, indent + 2, out);
  }
}

}  // namespace

ReadResult ReadYaml(absl::string_view text, const ReadOptions& options) {
  ReadResult result;
  Reader reader(options, Syntax::kYaml, result);
  if (!IsReadableText(text, options, result)) return result;
  const auto on_node = [&reader](Node&& node) { reader.Read(std::move(node)); };
  const auto on_problem = [&reader](uint32_t line, std::string problem, std::string want) {
    reader.RefuseText(line, std::move(problem), std::move(want));
  };
  ParseYaml(absl::StripPrefix(text, kByteOrderMark), 1, {on_node, on_problem});
  Sort(result.problems);
  return result;
}

std::string ToYaml(const Node& tree) {
  std::string out;
  AppendMap(tree, 0, out);
  return out;
}

std::string ToYaml(const v1::Resource& resource) { return ToYaml(ToTree(resource)); }

std::string ToYaml(const std::vector<v1::Resource>& resources) {
  std::string out;
  for (const v1::Resource& resource : resources) {
    absl::StrAppend(&out, out.empty() ? "" : "---\n", ToYaml(resource));
  }
  return out;
}

}  // namespace sluice::resource
