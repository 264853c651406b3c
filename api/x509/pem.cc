#include "api/x509/pem.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::x509 {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN ";
constexpr absl::string_view kEnd = "-----END ";
constexpr absl::string_view kDashes = "-----";

absl::Status Broken(size_t block, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("PEM block ", block + 1, " ", what));
}

bool IsBase64(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && c != '+' && c != '/' && c != '=' && !absl::ascii_isspace(c)) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<PemBlock>> ParsePem(absl::string_view text) {
  std::vector<PemBlock> blocks;
  for (;;) {
    const size_t begin = text.find(kBegin);
    if (begin == absl::string_view::npos) return blocks;
    text.remove_prefix(begin + kBegin.size());
    const size_t line = text.find('\n');
    absl::string_view label = absl::StripAsciiWhitespace(text.substr(0, line));
    if (line == absl::string_view::npos || !absl::EndsWith(label, kDashes)) {
      return Broken(blocks.size(), "has no whole BEGIN line");
    }
    label.remove_suffix(kDashes.size());
    text.remove_prefix(line + 1);
    const std::string end_line = absl::StrCat(kEnd, label, kDashes);
    const size_t end = text.find(end_line);
    if (end == absl::string_view::npos) return Broken(blocks.size(), "has no END line of its own");
    const absl::string_view body = text.substr(0, end);
    if (absl::StrContains(body, "Proc-Type:") || absl::StartsWith(label, "ENCRYPTED ")) {
      return Broken(blocks.size(), "is encrypted; it has to be without a passphrase");
    }
    PemBlock block{std::string(label), ""};
    if (!IsBase64(body) || !absl::Base64Unescape(body, &block.der) || block.der.empty()) {
      return Broken(blocks.size(), "is no base64");
    }
    blocks.push_back(std::move(block));
    text.remove_prefix(end + end_line.size());
  }
}

}  // namespace sluice::x509
