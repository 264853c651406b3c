// yaml-cpp could read JSON too, but not strictly, without surrogate pairs, and ten times slower.
#include "api/resource/json_tree.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"

namespace sluice::resource {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

void AppendUtf8(uint32_t code, std::string& out) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// Recurses once a level, of which the builder allows kMaxDepth. Every method leaves `position_`
// behind what it read and is false once an error was reported.
class Parser {
 public:
  Parser(absl::string_view text, const TreeSink& sink) : text_(text), sink_(sink), builder_(sink) {}

  void Parse() {
    SkipSpace();
    if (!Value()) return;
    SkipSpace();
    if (position_ < text_.size()) Fail("text after the end of the value", "one JSON value");
  }

 private:
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  bool Fail(absl::string_view problem, absl::string_view want) {
    const absl::string_view rest = text_.substr(position_, 12);
    sink_.on_problem(line_,
                     absl::StrCat("not JSON: ", problem, rest.empty() ? ", at the end" : ", at ",
                                  rest.empty() ? "" : Quoted(rest.substr(0, rest.find('\n')))),
                     std::string(want));
    return false;
  }

  void SkipSpace() {
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '\n') ++line_;
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    }
  }

  Node Make(Node::Type type) const {
    Node node;
    node.type = type;
    node.line = line_;
    return node;
  }

  bool Value() {
    switch (Peek()) {
      case '{':
        return Object();
      case '[':
        return Array();
      case '"': {
        Node node = Make(Node::Type::kString);
        if (!String(node.text)) return false;
        builder_.Scalar(std::move(node));
        return true;
      }
      default:
        return Literal();
    }
  }

  // After a value in an object or array: whether another one follows, or `close` does.
  bool Separator(char close, bool& is_closed) {
    SkipSpace();
    is_closed = Peek() == close;
    if (!is_closed && Peek() != ',') return Fail("a value that does not end", "a comma");
    ++position_;
    SkipSpace();
    return true;
  }

  bool Object() {
    if (!builder_.Begin(Make(Node::Type::kMap))) return false;
    ++position_;
    SkipSpace();
    bool is_closed = Peek() == '}';
    if (is_closed) ++position_;
    while (!is_closed) {
      Node key = Make(Node::Type::kString);
      if (Peek() != '"') return Fail("no key", "a string in double quotes");
      if (!String(key.text)) return false;
      builder_.Scalar(std::move(key));
      SkipSpace();
      if (Peek() != ':') return Fail("a key without a value", "a colon");
      ++position_;
      SkipSpace();
      if (!Value() || !Separator('}', is_closed)) return false;
    }
    builder_.End();
    return true;
  }

  bool Array() {
    if (!builder_.Begin(Make(Node::Type::kList))) return false;
    ++position_;
    SkipSpace();
    bool is_closed = Peek() == ']';
    if (is_closed) ++position_;
    while (!is_closed) {
      if (!Value() || !Separator(']', is_closed)) return false;
    }
    builder_.End();
    return true;
  }

  bool Literal() {
    const absl::string_view rest = text_.substr(position_);
    for (absl::string_view word : {"true", "false", "null"}) {
      if (!absl::StartsWith(rest, word)) continue;
      Node node = Make(word == "null" ? Node::Type::kNull : Node::Type::kPlain);
      if (word != "null") node.text = std::string(word);
      position_ += word.size();
      builder_.Scalar(std::move(node));
      return true;
    }
    return Number();
  }

  size_t Digits() {
    const size_t begin = position_;
    while (IsDigit(Peek())) ++position_;
    return position_ - begin;
  }

  bool Number() {
    const size_t begin = position_;
    if (Peek() == '-') ++position_;
    const bool has_leading_zero = Peek() == '0';
    const size_t digits = Digits();
    bool is_valid = digits > 0 && !(has_leading_zero && digits > 1);
    if (is_valid && Peek() == '.') {
      ++position_;
      is_valid = Digits() > 0;
    }
    if (is_valid && (Peek() == 'e' || Peek() == 'E')) {
      ++position_;
      if (Peek() == '+' || Peek() == '-') ++position_;
      is_valid = Digits() > 0;
    }
    if (!is_valid) {
      position_ = begin;
      return Fail("no value", "an object, a list, a string, a number, true, false or null");
    }
    Node node = Make(Node::Type::kPlain);
    node.text = std::string(text_.substr(begin, position_ - begin));
    builder_.Scalar(std::move(node));
    return true;
  }

  bool String(std::string& out) {
    ++position_;
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '"') {
        ++position_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return Fail("a control character in a string", "\\n, \\t or \\u00XX");
      }
      if (c == '\\') {
        if (!Escape(out)) return false;
      } else {
        const size_t end = std::min(EndOfPlain(), text_.size());
        out.append(text_.data() + position_, end - position_);
        position_ = end;
      }
    }
    return Fail("a string that does not end", "a closing quote");
  }

  // The first character from here that stands for something else than itself.
  size_t EndOfPlain() const {
    size_t end = position_;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
           static_cast<unsigned char>(text_[end]) >= 0x20) {
      ++end;
    }
    return end;
  }

  bool Escape(std::string& out) {
    static constexpr absl::string_view kLetters = "\"\\/bfnrt";
    static constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
    if (c == 'u') return UnicodeEscape(out);
    const size_t letter = kLetters.find(c);
    if (c == '\0' || letter == absl::string_view::npos) {
      return Fail("no such escape", "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    }
    out.push_back(kMeanings[letter]);
    position_ += 2;
    return true;
  }

  // The value of "\uXXXX" here, which is passed over; -1 if it is none.
  int32_t CodeUnit() {
    const absl::string_view escape = text_.substr(position_, 6);
    if (escape.size() < 6 || !absl::StartsWith(escape, "\\u")) return -1;
    int32_t value = 0;
    for (char c : escape.substr(2)) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return -1;
      const int digit = IsDigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
      value = value << 4 | digit;
    }
    position_ += 6;
    return value;
  }

  bool UnicodeEscape(std::string& out) {
    const size_t begin = position_;
    int32_t code = CodeUnit();
    const bool is_high = code >= 0xD800 && code < 0xDC00;
    if (is_high) {
      const int32_t low = CodeUnit();
      code =
          low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : -1;
    }
    // A lone surrogate is no character; NUL is in no field of a resource.
    if (code <= 0 || (code >= 0xD800 && code < 0xE000)) {
      position_ = begin;
      return Fail("no such character", "\\uXXXX of a character other than NUL");
    }
    AppendUtf8(static_cast<uint32_t>(code), out);
    return true;
  }

  const absl::string_view text_;
  const TreeSink& sink_;
  TreeBuilder builder_;
  size_t position_ = 0;
  uint32_t line_ = 1;
};

}  // namespace

void ParseJson(absl::string_view text, const TreeSink& sink) { Parser(text, sink).Parse(); }

}  // namespace sluice::resource
