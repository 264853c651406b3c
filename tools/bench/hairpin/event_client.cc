#include "tools/bench/hairpin/event_client.h"

#include <utility>

#include "tools/bench/hairpin/h1_events.h"
#include "tools/bench/hairpin/h2_events.h"

namespace sluice::hairpin {
namespace {

// Until every stream stands.
constexpr int64_t kOpeningNanos = 1'000'000'000;

}  // namespace

EventClient::EventClient(Loop& loop, RequestPlan& plan, const Options& options)
    : options_(options), schedule_(options.events.interval_nanos) {
  EventConnection::Host& host = *this;
  const uint32_t streams = std::max<uint32_t>(1, options.lane.streams);
  for (size_t i = 0; i < options.connections; ++i) {
    if (options.events.kind == EventKind::kGrpc) {
      connections_.push_back(
          std::make_unique<H2Events>(loop, host, options_.lane, options_.events, plan));
    } else {
      connections_.push_back(
          std::make_unique<H1Events>(loop, host, options_.lane, options_.events, plan));
    }
    for (uint32_t n = 0; n < streams; ++n) streams_.push_back({connections_.back().get(), n});
  }
}

EventClient::~EventClient() = default;

void EventClient::Start() {
  for (const auto& connection : connections_) connection->Open();
  if (options_.events.kind == EventKind::kSse) return;
  const int64_t begin = NowNanos() + kOpeningNanos;
  for (size_t i = 0; i < streams_.size(); ++i) {
    schedule_.Add(&streams_[i], begin + options_.events.interval_nanos * static_cast<int64_t>(i) /
                                            static_cast<int64_t>(streams_.size()));
  }
}

int64_t EventClient::Tick(int64_t now) {
  int64_t next = INT64_MAX;
  if (!stopped_) {
    next = schedule_.Run(now, [this](Stream& stream, int64_t due) {
      ++begun_;
      stream.connection->Send(stream.number, due);
    });
  }
  for (const auto& connection : connections_) connection->Flush();
  return std::min(next, now + kOpeningNanos);
}

void EventClient::OnMessage(int64_t sent) {
  if (options_.events.kind == EventKind::kSse) ++begun_;
  RecordCompleted(sent);
}

}  // namespace sluice::hairpin
