#include "api/validate/plugins/compression.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/compression.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxTypes = 64;

bool IsMediaType(absl::string_view type) {
  if (type == "*") return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(type, '/');
  if (parts.size() != 2 || CheckHeaderName(parts[0]).has_value()) return false;
  return parts[1] == "*" ? parts[0] != "*" : !CheckHeaderName(parts[1]).has_value();
}

}  // namespace

void Check(const plugins::v1::Compression& config, const Field& field) {
  std::set<int> seen;
  for (int i = 0; i < config.algorithms_size(); ++i) {
    const Field algorithm = field.At("algorithms", static_cast<size_t>(i));
    if (config.algorithms(i) == plugins::v1::Compression::ALGORITHM_UNSPECIFIED) {
      algorithm.Refuse("names none", "gzip, brotli or zstd");
    } else if (!seen.insert(config.algorithms(i)).second) {
      algorithm.Refuse("given twice", "each once, the preferred one first");
    }
  }
  CheckCount(field.At("types"), config.types_size(), kMaxTypes, "types");
  for (int i = 0; i < config.types_size(); ++i) {
    if (IsMediaType(config.types(i))) continue;
    field.At("types", static_cast<size_t>(i))
        .Refuse(absl::StrCat("no media type, got ", resource::Quoted(config.types(i))),
                "TYPE/SUBTYPE without parameters, TYPE/* or \"*\"");
  }
  CheckSize(field.At("min_bytes"), config.min_bytes(), 0, 1 << 30);
  if (config.has_effort()) CheckRange(field.At("effort"), config.effort(), 1, 5);
}

}  // namespace sluice::validate
