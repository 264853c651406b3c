#include "proxy/plugins/limit_count/plugin.h"

#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/limit_count.pb.h"

namespace sluice::plugins {
namespace {

constexpr absl::string_view kPrefix = "x-ratelimit-";
constexpr absl::string_view kLimit = "x-ratelimit-limit";
constexpr absl::string_view kRemaining = "x-ratelimit-remaining";
constexpr absl::string_view kReset = "x-ratelimit-reset";

absl::string_view Decimal(uint32_t value, http::Arena& arena) {
  constexpr size_t kDigits = 10;
  char* begin = arena.Allocate(kDigits, 1);
  const auto result = std::to_chars(begin, begin + kDigits, value);
  return absl::string_view(begin, static_cast<size_t>(result.ptr - begin));
}

// What another limit_count has written into this response. Its name is our own constant, which
// tells it from a header of the upstream.
const http::HeaderMap::Entry* FindOurs(const http::HeaderMap& headers) {
  const http::HeaderMap::Entry* entry = headers.Find(kRemaining);
  return entry != nullptr && entry->name_data == kRemaining.data() ? entry : nullptr;
}

bool IsNearerToItsEnd(const http::HeaderMap::Entry& written, uint32_t remaining) {
  uint32_t value = 0;
  const absl::string_view text = written.value();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value <= remaining;
}

// One pass in the usual case, that the upstream sends none.
void RemoveUpstreams(http::HeaderMap& headers) {
  bool has_any = false;
  headers.ForEach([&](const http::HeaderMap::Entry& entry) {
    has_any |= entry.id == http::HeaderId::kOther && absl::StartsWith(entry.name(), kPrefix);
  });
  if (!has_any) return;
  headers.Remove(kLimit);
  headers.Remove(kRemaining);
  headers.Remove(kReset);
}

absl::Status ReadKey(absl::string_view key, LimitCount::Settings& settings) {
  using KeyKind = LimitCount::KeyKind;
  absl::string_view header = key;
  if (key == "client_ip") {
    settings.key_kind = KeyKind::kClientIp;
  } else if (key == "consumer") {
    settings.key_kind = KeyKind::kConsumer;
  } else if (key == "consumer_group") {
    settings.key_kind = KeyKind::kConsumerGroup;
  } else if (key == "all") {
    settings.key_kind = KeyKind::kAll;
  } else if (absl::ConsumePrefix(&header, "header:") && http::IsToken(header)) {
    settings.key_kind = KeyKind::kHeader;
    settings.key_header = absl::AsciiStrToLower(header);
  } else {
    return FieldError("key",
                      absl::StrCat("is not client_ip, consumer, consumer_group, header:NAME or "
                                   "all, got \"",
                                   key, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t LimitCount::KeyOf(const Stream& stream) const {
  absl::string_view key;
  switch (settings_.key_kind) {
    case KeyKind::kClientIp:
      break;
    case KeyKind::kConsumer:
      key = stream.consumer_name();
      break;
    case KeyKind::kConsumerGroup:
      key = stream.consumer_group();
      break;
    case KeyKind::kHeader:
      key = stream.request().headers.Get(settings_.key_header);
      break;
    case KeyKind::kAll:
      key = "all";
      break;
  }
  if (!key.empty()) return KeyedHash(settings_.key_hash, key);
  const auto& address = stream.client_ip().bytes();
  return KeyedHash(
      settings_.address_hash,
      absl::string_view(reinterpret_cast<const char*>(address.data()), address.size()));
}

Action LimitCount::OnRequestHead(Stream& stream) {
  verdict_ = settings_.counters->Take(KeyOf(stream), settings_.limit, stream.now_ns());
  has_verdict_ = true;
  if (verdict_.is_admitted) return Action::kContinue;
  stream.response().headers.Set(http::HeaderId::kRetryAfter,
                                Decimal(verdict_.reset_seconds, stream.arena()));
  stream.Reply({.status = settings_.status, .details = "rate_limited"});
  return Action::kStop;
}

Action LimitCount::OnResponseHead(Stream& stream) {
  if (!has_verdict_ || !settings_.sends_headers) return Action::kContinue;
  http::HeaderMap& headers = stream.response().headers;
  const http::HeaderMap::Entry* ours = FindOurs(headers);
  if (ours != nullptr && IsNearerToItsEnd(*ours, verdict_.remaining)) return Action::kContinue;
  RemoveUpstreams(headers);
  headers.Add(http::HeaderId::kOther, kLimit, settings_.count_text);
  headers.Add(http::HeaderId::kOther, kRemaining, Decimal(verdict_.remaining, stream.arena()));
  headers.Add(http::HeaderId::kOther, kReset, Decimal(verdict_.reset_seconds, stream.arena()));
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeLimitCount(const v1::LimitCount& config,
                                        const Declaration& declaration, CounterTable& counters) {
  LimitCount::Settings settings;
  settings.counters = &counters;
  if (config.count() == 0) return FieldError("count", "is 0, and would admit nothing");
  const int64_t seconds = config.window().seconds();
  if (seconds < 1 || seconds > 86400 || config.window().nanos() != 0) {
    return FieldError("window", "is not 1s to 24h in whole seconds");
  }
  settings.limit.count = config.count();
  settings.limit.window_seconds = static_cast<uint32_t>(seconds);
  settings.limit.is_sliding = config.algorithm() == v1::LimitCount::ALGORITHM_SLIDING;
  const bool is_consumers = declaration.kind == "Consumer" || declaration.kind == "ConsumerGroup";
  const std::string key = !config.key().empty() ? config.key()
                          : is_consumers        ? "consumer"
                                                : "client_ip";
  if (absl::Status status = ReadKey(key, settings); !status.ok()) return status;
  // What changes the meaning of a count begins new ones; a changed `count` goes on with the old.
  const std::string identity =
      absl::StrCat(declaration.kind, "/", declaration.name, "/", seconds, "/",
                   settings.limit.is_sliding, "/", absl::AsciiStrToLower(key));
  settings.key_hash = counters.KeyFor(identity);
  settings.address_hash = counters.KeyFor(absl::StrCat(identity, "/client_ip"));
  settings.count_text = absl::StrCat(config.count());
  settings.status = config.has_status() ? static_cast<int>(config.status()) : 429;
  if (settings.status < 400 || settings.status > 599) {
    return FieldError("status", absl::StrCat("is not 400 to 599, got ", config.status()));
  }
  settings.sends_headers = !config.has_headers() || config.headers();
  return Instantiate<LimitCount>(std::move(settings));
}

}  // namespace sluice::plugins
