#include "proxy/plugins/compression/accept_encoding.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace sluice::plugins {
namespace {

constexpr int kUnsaid = -1;
constexpr int kWhole = 1000;

// Thousandths; kUnsaid if it is none: "0", "1", "0.5", "1.000".
int ParseWeight(absl::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return kUnsaid;
  int weight = text[0] == '1' ? kWhole : 0;
  text.remove_prefix(1);
  if (text.empty()) return weight;
  if (text[0] != '.' || text.size() > 4) return kUnsaid;
  int unit = 100;
  for (const char c : text.substr(1)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return kUnsaid;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return weight > kWhole ? kUnsaid : weight;
}

struct Wishes {
  std::array<int, kCodings> codings{kUnsaid, kUnsaid, kUnsaid};
  int identity = kUnsaid;
  int others = kUnsaid;  // "*"

  int Of(Coding coding) const {
    const int weight = codings[static_cast<size_t>(coding)];
    return weight != kUnsaid ? weight : std::max(others, 0);
  }
};

// "gzip;q=0.5"; what cannot be read says nothing.
void ReadElement(absl::string_view element, Wishes& wishes) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(element, absl::MaxSplits(';', 1));
  absl::string_view parameter = absl::StripAsciiWhitespace(parts.second);
  int weight = kWhole;
  if (!parameter.empty()) {
    if (!absl::StartsWithIgnoreCase(parameter, "q=")) return;
    weight = ParseWeight(parameter.substr(2));
    if (weight == kUnsaid) return;
  }
  const absl::string_view name = absl::StripAsciiWhitespace(parts.first);
  if (name == "*") {
    wishes.others = weight;
  } else if (absl::EqualsIgnoreCase(name, "identity")) {
    wishes.identity = weight;
  } else if (absl::EqualsIgnoreCase(name, "x-gzip")) {
    wishes.codings[static_cast<size_t>(Coding::kGzip)] = weight;
  } else {
    for (const Coding coding : {Coding::kGzip, Coding::kBrotli, Coding::kZstd}) {
      if (absl::EqualsIgnoreCase(name, CodingName(coding))) {
        wishes.codings[static_cast<size_t>(coding)] = weight;
      }
    }
  }
}

}  // namespace

std::optional<Coding> ChooseCoding(const http::HeaderMap& request,
                                   absl::Span<const Coding> offered) {
  Wishes wishes;
  for (const auto* e = request.Find("accept-encoding"); e != nullptr; e = request.Next(e)) {
    for (const absl::string_view element : absl::StrSplit(e->value(), ',')) {
      ReadElement(element, wishes);
    }
  }
  std::optional<Coding> best;
  // The plain body is always taken; it is wanted more only where the client says so.
  int best_weight = std::max(wishes.identity, 1) - 1;
  for (const Coding coding : offered) {
    if (wishes.Of(coding) <= best_weight) continue;
    best = coding;
    best_weight = wishes.Of(coding);
  }
  return best;
}

}  // namespace sluice::plugins
