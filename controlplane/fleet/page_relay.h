// Fetches pages of proxies' admin interfaces over their streams.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::v1 {
class AdminPageResponse;
class Answer;
}  // namespace sluice::v1

namespace sluice::fleet {

class ProxyLink;

// Thread: the fleet's loop.
class PageRelay {
 public:
  // Who asked. Parts come in order, then the end; the sink is destroyed after it.
  class Sink {
   public:
    virtual ~Sink() = default;
    // RESOURCE_EXHAUSTED ends the page: who asked does not read.
    [[nodiscard]] virtual absl::Status OnPart(v1::AdminPageResponse part) = 0;
    //   OK                 the page is whole
    //   UNAVAILABLE        the proxy went away
    //   DEADLINE_EXCEEDED  it did not answer in time
    virtual void OnEnd(absl::Status status) = 0;
  };

  // How long a proxy may take for a page, and the most bytes of it.
  static constexpr absl::Duration kTimeout = absl::Seconds(10);
  static constexpr size_t kMaxPageBytes = 64 << 20;

  void Fetch(ProxyLink& link, const std::string& path, absl::Time now, std::unique_ptr<Sink> sink);

  // Parts of pages that nobody waits for any more are dropped.
  void OnAnswer(ProxyLink& link, v1::Answer answer);
  void OnClosed(ProxyLink& link);
  // For a timer.
  void OnTick(absl::Time now);

 private:
  struct Page {
    ProxyLink* link;
    absl::Time deadline;
    size_t bytes = 0;
    bool has_head = false;
    std::unique_ptr<Sink> sink;
  };

  void EndIf(const std::function<bool(const Page&)>& matches, const absl::Status& status);

  uint64_t last_id_ = 0;
  std::map<uint64_t, Page> pages_;
};

}  // namespace sluice::fleet
