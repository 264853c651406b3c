// The text is cut into documents before yaml-cpp sees it, for three reasons: an error ends only its
// own document; yaml-cpp's buffers stay small; and a document that only lacks quotes can be mended
// and parsed anew. We use its events, not its nodes, which are slower and lose duplicate keys.
#include "api/resource/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"

namespace sluice::resource {
namespace {

// A value that got its quotes from us.
struct Mended {
  uint32_t line;
  std::string text;
};

// Most places that are mended in one document, and most bytes that are parsed again for it: each
// place costs parsing the document once more.
constexpr size_t kMostMended = 16;
constexpr size_t kMostParsedAgain = size_t{64} << 20;

// yaml-cpp takes a quoted value that never ends for one that ends with the text, but refuses this
// marker in it.
constexpr absl::string_view kEndMarker = "\n...\n";

// Leaves yaml-cpp's parser, which has no other way out. Never leaves this file.
struct TooDeep {};

class Handler final : public YAML::EventHandler {
 public:
  Handler(uint32_t first_line, const std::vector<Mended>& mended, const TreeSink& sink)
      : first_line_(first_line), mended_(mended), builder_(sink) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = Make(Node::Type::kNull, mark, "", anchor);
    // An empty document, or one of comments only.
    if (builder_.depth() == 0 && node.flaw == Node::Flaw::kNone) return;
    builder_.Scalar(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Node node = Make(Node::Type::kPlain, mark, "", 0);
    node.flaw = Node::Flaw::kAlias;
    builder_.Scalar(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool is_plain = tag == "?";
    Node node = Make(is_plain ? Node::Type::kPlain : Node::Type::kString, mark, tag, anchor);
    node.text = value;
    for (const Mended& mended : mended_) {
      if (mended.line == node.line && mended.text == value) node.flaw = Node::Flaw::kUnquoted;
    }
    builder_.Scalar(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (!builder_.Begin(Make(Node::Type::kList, mark, tag, anchor))) throw TooDeep();
  }
  void OnSequenceEnd() override { builder_.End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (!builder_.Begin(Make(Node::Type::kMap, mark, tag, anchor))) throw TooDeep();
  }
  void OnMapEnd() override { builder_.End(); }

 private:
  Node Make(Node::Type type, const YAML::Mark& mark, absl::string_view tag,
            YAML::anchor_t anchor) const {
    Node node;
    node.type = type;
    node.line = first_line_ + static_cast<uint32_t>(mark.line);
    if (!tag.empty() && tag != "?" && tag != "!") node.flaw = Node::Flaw::kTag;
    if (anchor != YAML::NullAnchor) node.flaw = Node::Flaw::kAnchor;
    return node;
  }

  const uint32_t first_line_;
  const std::vector<Mended>& mended_;
  TreeBuilder builder_;
};

// What an operator can do about the errors of yaml-cpp that are met most.
std::string Advice(const std::string& message) {
  namespace msg = YAML::ErrorMsg;
  if (message == msg::MAP_VALUE) return "quotes around a value that holds \": \"";
  if (message == msg::END_OF_MAP || message == msg::END_OF_SEQ) {
    return "the fields of one map in the same column";
  }
  if (message == msg::DOC_IN_SCALAR) return "a closing quote";
  if (message == msg::TAB_IN_INDENTATION) return "spaces, not tabs, at the start of a line";
  if (message == msg::UNKNOWN_TOKEN) return "quotes around a value that starts with @, ` or %";
  if (message == msg::END_OF_SEQ_FLOW) return "a closing ]";
  if (message == msg::END_OF_MAP_FLOW) return "a closing }";
  return "";
}

// Walks along one line of YAML to find a value that lacks its quotes.
class LineMender {
 public:
  explicit LineMender(absl::string_view line) : line_(line) {}

  // The line with quotes around the first such value, which is put into `value`.
  std::optional<std::string> Mend(std::string& value) {
    while (position_ < line_.size()) {
      if (!SkipToValue()) return std::nullopt;
      const size_t begin = position_;
      const size_t end = EndOfValue();
      const absl::string_view text =
          absl::StripTrailingAsciiWhitespace(line_.substr(begin, end - begin));
      if (LacksQuotes(text)) {
        value = std::string(text);
        return absl::StrCat(line_.substr(0, begin), "'", text, "'",
                            line_.substr(begin + text.size()));
      }
      position_ = end;
    }
    return std::nullopt;
  }

 private:
  // To the next character that begins a value or a key; false at a comment and at the end.
  bool SkipToValue() {
    for (; position_ < line_.size(); ++position_) {
      const char c = line_[position_];
      if (c == '#') return false;
      if (c == '\'' || c == '"') {
        SkipQuoted(c);
        if (position_ >= line_.size()) return false;
      } else if (c == '[' || c == '{') {
        ++flow_depth_;
      } else if (c == ']' || c == '}') {
        --flow_depth_;
      } else if (c != ' ' && c != ',' && !IsIndicator(position_)) {
        return true;
      }
    }
    return false;
  }

  // "- " and ": ".
  bool IsIndicator(size_t position) const {
    const char c = line_[position];
    const bool is_last = position + 1 == line_.size();
    return (c == '-' || c == ':') && (is_last || line_[position + 1] == ' ');
  }

  // To the closing quote.
  void SkipQuoted(char quote) {
    for (++position_; position_ < line_.size() && line_[position_] != quote; ++position_) {
      if (quote == '"' && line_[position_] == '\\') ++position_;
    }
  }

  // The end of the word that begins here, with the brackets that were meant to be in it.
  size_t EndOfValue() const {
    int nested = 0;
    for (size_t i = position_; i < line_.size(); ++i) {
      const char c = line_[i];
      if (c == ':' && IsIndicator(i)) return i;
      if (c == '#' && i > position_ && line_[i - 1] == ' ') return i;
      if (flow_depth_ == 0) continue;
      if (c == '[' || c == '{') ++nested;
      if (c == ',' && nested == 0) return i;
      if ((c == ']' || c == '}') && nested-- == 0) return i;
    }
    return line_.size();
  }

  bool LacksQuotes(absl::string_view text) const {
    if (text.empty() || absl::StrContains(text, '\'')) return false;
    if (text[0] == '*') return true;
    return flow_depth_ > 0 && text.find_first_of("[{") != absl::string_view::npos;
  }

  const absl::string_view line_;
  size_t position_ = 0;
  int flow_depth_ = 0;
};

// One document: parses it, and again after each place that could be mended.
class DocumentParser {
 public:
  DocumentParser(absl::string_view text, uint32_t first_line, const TreeSink& sink)
      : text_(absl::StrCat(text, kEndMarker)), first_line_(first_line), sink_(sink) {}

  void Parse() {
    while (true) {
      problems_.clear();
      const std::optional<Syntax> error = TryParse();
      if (!error.has_value()) break;
      if (Mend(error->line)) continue;
      problems_.push_back(*error);
      break;
    }
    for (Syntax& problem : problems_) {
      sink_.on_problem(problem.line, std::move(problem.problem), std::move(problem.want));
    }
  }

 private:
  struct Syntax {
    uint32_t line;
    std::string problem;
    std::string want;
  };

  std::optional<Syntax> TryParse() {
    size_t skip = delivered_;  // Mending a line changes nothing before it.
    const auto on_node = [this, &skip](Node&& node) {
      if (skip > 0) {
        --skip;
        return;
      }
      ++delivered_;
      sink_.on_node(std::move(node));
    };
    const auto on_problem = [this](uint32_t line, std::string problem, std::string want) {
      problems_.push_back({line, std::move(problem), std::move(want)});
    };
    const TreeSink sink{on_node, on_problem};
    Handler handler(first_line_, mended_, sink);
    std::istringstream stream(text_);
    try {
      YAML::Parser parser(stream);
      // The text is one document. After a stray "," yaml-cpp goes on to find empty ones for ever.
      const bool has_more = parser.HandleNextDocument(handler) && HasMore(parser);
      if (has_more) return Syntax{first_line_, "not YAML: text that belongs to no value", ""};
    } catch (const TooDeep&) {
      // Reported by the builder.
    } catch (const YAML::Exception& error) {
      return SyntaxOf(error);
    } catch (const std::exception& error) {
      return Syntax{first_line_, absl::StrCat("not YAML: ", error.what()), ""};
    }
    return std::nullopt;
  }

  bool HasMore(YAML::Parser& parser) const {
    const auto ignore_node = [](Node&&) {};
    const auto ignore_problem = [](uint32_t, std::string, std::string) {};
    const TreeSink sink{ignore_node, ignore_problem};
    Handler handler(first_line_, mended_, sink);
    return parser.HandleNextDocument(handler);
  }

  Syntax SyntaxOf(const YAML::Exception& error) const {
    const uint32_t line = first_line_ + static_cast<uint32_t>(std::max(error.mark.line, 0));
    return {line, absl::StrCat("not YAML: ", error.msg), Advice(error.msg)};
  }

  // Puts quotes around a value that lacks them on the line of the error, or on the one before it,
  // where a list that never ends is noticed only later.
  bool Mend(uint32_t error_line) {
    const size_t next = mended_.size() + 1;
    if (next > kMostMended || next * text_.size() > kMostParsedAgain) return false;
    for (uint32_t line : {error_line, error_line - 1}) {
      const std::optional<size_t> begin = BeginOfLine(line);
      if (!begin.has_value()) continue;
      const size_t bytes = std::min(text_.find('\n', *begin), text_.size()) - *begin;
      std::string value;
      const std::optional<std::string> mended =
          LineMender(absl::string_view(text_).substr(*begin, bytes)).Mend(value);
      if (!mended.has_value()) continue;
      text_.replace(*begin, bytes, *mended);
      mended_.push_back({line, std::move(value)});
      return true;
    }
    return false;
  }

  std::optional<size_t> BeginOfLine(uint32_t line) const {
    if (line < first_line_) return std::nullopt;
    size_t begin = 0;
    for (; line > first_line_; --line) {
      begin = text_.find('\n', begin);
      if (begin == std::string::npos) return std::nullopt;
      ++begin;
    }
    return begin;
  }

  std::string text_;
  const uint32_t first_line_;
  const TreeSink& sink_;
  std::vector<Mended> mended_;
  size_t delivered_ = 0;          // Nodes that the sink has.
  std::vector<Syntax> problems_;  // Of the last try.
};

// "---" or "..." at the start of a line, alone or before a space: it stands in no value, quoted or
// not (YAML 1.2, section 9.1.2).
bool IsMarker(absl::string_view line) {
  if (!absl::StartsWith(line, "---") && !absl::StartsWith(line, "...")) return false;
  return line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r';
}

bool IsOnlyComments(absl::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view line = absl::StripLeadingAsciiWhitespace(text.substr(0, end));
    // "%YAML 1.2" before the first marker changes nothing for us.
    if (!line.empty() && line[0] != '#' && line[0] != '%') return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

}  // namespace

void ParseYaml(absl::string_view text, uint32_t first_line, const TreeSink& sink) {
  uint32_t line_number = first_line;
  uint32_t document_line = first_line;
  size_t document = 0;
  const auto parse = [&](size_t end) {
    const absl::string_view content = text.substr(document, end - document);
    if (!IsOnlyComments(content)) DocumentParser(content, document_line, sink).Parse();
  };
  for (size_t begin = 0; begin < text.size(); ++line_number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (IsMarker(text.substr(begin, end - begin))) {
      parse(begin);
      // What follows a marker on its line belongs to the document.
      document = begin + 3;
      document_line = line_number;
    }
    begin = end + 1;
  }
  parse(text.size());
}

}  // namespace sluice::resource
