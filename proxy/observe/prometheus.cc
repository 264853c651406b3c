#include "proxy/observe/prometheus.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace sluice::observe {

namespace {

constexpr size_t kPieceBytes = 64 * 1024;
constexpr int kMaxEmptySteps = 10;  // Each passes over some hundred groups.

void AppendHead(const MetricFamily& family, std::string* out) {
  constexpr absl::string_view kTypes[] = {"counter", "gauge", "histogram"};
  const std::string help = absl::StrReplaceAll(family.help, {{"\\", "\\\\"}, {"\n", "\\n"}});
  absl::StrAppend(out, "# HELP ", family.name, " ", help, "\n# TYPE ", family.name, " ",
                  kTypes[static_cast<size_t>(family.type)], "\n");
}

void AppendLabel(absl::string_view name, absl::string_view value, std::string* out) {
  if (!out->empty()) out->push_back(',');
  absl::StrAppend(out, name, "=\"");
  for (const char c : value) {
    if (c == '\\' || c == '"') out->push_back('\\');
    if (c == '\n') {
      out->append("\\n");
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

// Exact: a double would lose nanoseconds after 100 days of summed durations.
std::string Seconds(uint64_t ns) {
  std::string text =
      absl::StrCat(ns / 1'000'000'000, ".", absl::Dec(ns % 1'000'000'000, absl::kZeroPad9));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string Number(double number) {
  char text[32];
  // The shortest that reads back as the same; whole numbers without an exponent.
  const bool is_whole = number == std::floor(number) && std::abs(number) < 1e15;
  const auto end = is_whole ? std::to_chars(text, text + sizeof(text), static_cast<int64_t>(number))
                            : std::to_chars(text, text + sizeof(text), number);
  return std::string(text, end.ptr);
}

void AppendLine(absl::string_view name, absl::string_view suffix, absl::string_view labels,
                absl::string_view value, std::string* out) {
  absl::StrAppend(out, name, suffix);
  if (!labels.empty()) absl::StrAppend(out, "{", labels, "}");
  absl::StrAppend(out, " ", value, "\n");
}

void AppendHistogram(const MetricFamily& family, const std::string& labels, const uint64_t* cells,
                     std::string* out) {
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < kDurationBuckets; ++bucket) {
    count += cells[kHistogramBuckets + bucket];
    std::string with_bound = labels;
    AppendLabel("le",
                bucket < kDurationBoundsNs.size()
                    ? Seconds(static_cast<uint64_t>(kDurationBoundsNs[bucket]))
                    : "+Inf",
                &with_bound);
    AppendLine(family.name, "_bucket", with_bound, absl::StrCat(count), out);
  }
  AppendLine(family.name, "_sum", labels, Seconds(cells[kHistogramSum]), out);
  AppendLine(family.name, "_count", labels, absl::StrCat(count), out);
}

void AppendSeries(const MetricFamily& family, const std::string& labels, const uint64_t* cells,
                  std::string* out) {
  if (family.type == kHistogram) return AppendHistogram(family, labels, cells, out);
  for (size_t i = 0; i < family.values; ++i) {
    std::string all = labels;
    if (!family.label.empty()) AppendLabel(family.label, family.value(i), &all);
    // Workers share a gauge: one may have added what another one took away.
    const std::string value = family.type == kGauge ? absl::StrCat(static_cast<int64_t>(cells[i]))
                                                    : absl::StrCat(cells[i]);
    AppendLine(family.name, "", all, value, out);
  }
}

}  // namespace

void PrometheusText::AppendProcess(std::string* out) const {
  const auto families = ProcessFamilies();
  for (size_t i = 0; i < families.size(); ++i) {
    AppendHead(families[i], out);
    for (size_t value = 0; value < families[i].values; ++value) {
      std::string labels;
      if (!families[i].label.empty()) {
        AppendLabel(families[i].label, families[i].value(value), &labels);
      }
      AppendLine(families[i].name, "", labels,
                 Number(registry_.Get(static_cast<ProcessMetric>(i), value)), out);
    }
  }
}

// One group of the present family, or the end of that. False once there is no more family.
bool PrometheusText::Step(std::string* out) {
  if (scope_ == kScopes) return false;
  const ScopeInfo& info = InfoOf(static_cast<Scope>(scope_));
  const MetricFamily& family = info.families[family_];
  if (registry_.Next(static_cast<Scope>(scope_), &key_, &sample_)) {
    if (!sample_.is_shown) return true;
    if (!std::exchange(has_head_, true)) AppendHead(family, out);
    std::string labels;
    for (size_t i = 0; i < info.labels.size(); ++i) {
      AppendLabel(info.labels[i], sample_.label_values[i], &labels);
    }
    AppendSeries(family, labels, &sample_.cells[first_cell_], out);
    return true;
  }
  key_.reset();
  has_head_ = false;
  first_cell_ += family.cells();
  if (++family_ == info.families.size()) {
    ++scope_;
    family_ = 0;
    first_cell_ = 0;
  }
  return true;
}

bool PrometheusText::Next(std::string* out) {
  const size_t end = out->size() + kPieceBytes;
  if (!has_process_) AppendProcess(out);
  has_process_ = true;
  int empty_steps = 0;
  while (out->size() < end && empty_steps < kMaxEmptySteps) {
    const size_t before = out->size();
    if (!Step(out)) return false;
    empty_steps += out->size() == before;
  }
  return true;
}

}  // namespace sluice::observe
