// Values are compared where they lie in the request. Only a query value with escapes that a regular
// expression looks at is decoded into memory of its own, on the stack up to kStackBytes.
#include "api/match/predicate.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::match {
namespace {

// More lines of one header than this are not looked at; listeners allow 100 headers in all.
constexpr size_t kMaxLines = 128;
constexpr size_t kStackBytes = 1024;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes one decoded character off the front of a query component: "+" is a space, an escape that is
// none stands for itself.
char TakeDecoded(absl::string_view* text) {
  const char c = text->front();
  if (c == '%' && text->size() >= 3 && HexValue((*text)[1]) >= 0 && HexValue((*text)[2]) >= 0) {
    const char decoded = static_cast<char>(HexValue((*text)[1]) * 16 + HexValue((*text)[2]));
    text->remove_prefix(3);
    return decoded;
  }
  text->remove_prefix(1);
  return c == '+' ? ' ' : c;
}

bool DecodesTo(absl::string_view encoded, absl::string_view wanted) {
  while (!encoded.empty() && !wanted.empty()) {
    if (TakeDecoded(&encoded) != wanted.front()) return false;
    wanted.remove_prefix(1);
  }
  return encoded.empty() && wanted.empty();
}

// Calls `use` with the decoded component and returns what it returns.
template <typename Use>
bool WithDecoded(absl::string_view encoded, Use use) {
  if (encoded.find_first_of("%+") == absl::string_view::npos) return use(encoded);
  std::array<char, kStackBytes> stack;
  std::string heap;
  char* out = stack.data();
  if (encoded.size() > stack.size()) {
    heap.resize(encoded.size());
    out = heap.data();
  }
  size_t size = 0;
  while (!encoded.empty()) out[size++] = TakeDecoded(&encoded);
  return use(absl::string_view(out, size));
}

// Cuts `*rest` at the first `separator` and returns what stood before it.
absl::string_view TakeUntil(char separator, absl::string_view* rest) {
  const size_t at = rest->find(separator);
  const absl::string_view taken = rest->substr(0, at);
  *rest = at == absl::string_view::npos ? absl::string_view() : rest->substr(at + 1);
  return taken;
}

bool HeaderHolds(const NamedPredicate& predicate, const RequestView& request) {
  std::array<absl::string_view, kMaxLines> lines;
  const size_t count = request.headers.Values(predicate.name, absl::MakeSpan(lines));
  return predicate.value.Holds([&](auto accept) {
    for (size_t i = 0; i < count && i < lines.size(); ++i) {
      if (accept(lines[i])) return;
    }
  });
}

bool QueryHolds(const NamedPredicate& predicate, const RequestView& request) {
  return predicate.value.Holds([&](auto accept) {
    absl::string_view rest = request.query;
    while (!rest.empty()) {
      absl::string_view value = TakeUntil('&', &rest);
      const absl::string_view name = TakeUntil('=', &value);
      if (DecodesTo(name, predicate.name) && WithDecoded(value, accept)) return;
    }
  });
}

bool CookieHolds(const NamedPredicate& predicate, const RequestView& request) {
  std::array<absl::string_view, kMaxLines> lines;
  const size_t count = request.headers.Values("cookie", absl::MakeSpan(lines));
  return predicate.value.Holds([&](auto accept) {
    for (size_t i = 0; i < count && i < lines.size(); ++i) {
      absl::string_view rest = lines[i];
      while (!rest.empty()) {
        absl::string_view value = TakeUntil(';', &rest);
        const absl::string_view name = TakeUntil('=', &value);
        if (absl::StripAsciiWhitespace(name) == predicate.name &&
            accept(absl::StripAsciiWhitespace(value))) {
          return;
        }
      }
    }
  });
}

}  // namespace

std::optional<Flaw> ValuePredicate::Parse(absl::string_view text) {
  text_ = std::string(text);
  if (text == "*" || text == "!") {
    kind_ = text == "*" ? Kind::kPresent : Kind::kAbsent;
    return std::nullopt;
  }
  if (!text.empty() && text[0] == '!') {
    return Flaw{absl::StrCat("\"!\" stands alone and means absent, got \"", text, "\""),
                "\"!\", or \"~\" and an expression for a value that begins with \"!\""};
  }
  if (text.empty() || text[0] != '~') {
    kind_ = Kind::kExact;
    return std::nullopt;
  }
  kind_ = Kind::kRegex;
  auto regex = Regex::Compile(text.substr(1));
  if (!regex.ok()) {
    return Flaw{absl::StrCat(regex.status().message(), ", got \"", text, "\""),
                "an RE2 expression after \"~\""};
  }
  regex_ = *std::move(regex);
  return std::nullopt;
}

bool ValuePredicate::Accepts(absl::string_view value) const {
  if (kind_ == Kind::kExact) return value == text_;
  return kind_ != Kind::kRegex || regex_->Matches(value);
}

uint32_t Predicates::count() const {
  return static_cast<uint32_t>((methods.empty() ? 0 : 1) + (client_ips.empty() ? 0 : 1) +
                               headers.size() + query.size() + cookies.size());
}

bool Predicates::HoldButMethods(const RequestView& request) const {
  if (!client_ips.empty() && !client_ips.Contains(request.client_ip)) return false;
  for (const NamedPredicate& predicate : headers) {
    if (!HeaderHolds(predicate, request)) return false;
  }
  for (const NamedPredicate& predicate : query) {
    if (!QueryHolds(predicate, request)) return false;
  }
  for (const NamedPredicate& predicate : cookies) {
    if (!CookieHolds(predicate, request)) return false;
  }
  return true;
}

std::string Predicates::FirstFailing(const RequestView& request) const {
  if (!methods.empty() && !methods.Contains(request.method, MethodBit(request.method))) {
    return "method";
  }
  for (const NamedPredicate& predicate : headers) {
    if (!HeaderHolds(predicate, request)) return absl::StrCat("headers.", predicate.name);
  }
  for (const NamedPredicate& predicate : query) {
    if (!QueryHolds(predicate, request)) return absl::StrCat("query.", predicate.name);
  }
  for (const NamedPredicate& predicate : cookies) {
    if (!CookieHolds(predicate, request)) return absl::StrCat("cookies.", predicate.name);
  }
  if (!client_ips.empty() && !client_ips.Contains(request.client_ip)) return "client_ips";
  return "";
}

}  // namespace sluice::match
