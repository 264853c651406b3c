#include "controlplane/fleet/page_relay.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/fleet/proxy_link.h"
#include "sluice/v1/config_stream.pb.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::fleet {

void PageRelay::Fetch(ProxyLink& link, const std::string& path, absl::Time now,
                      std::unique_ptr<Sink> sink) {
  const uint64_t id = ++last_id_;
  pages_[id] = {&link, now + kTimeout, 0, false, std::move(sink)};
  v1::ControlMessage message;
  message.mutable_query()->set_id(id);
  message.mutable_query()->set_path(path);
  link.Send(message);
}

void PageRelay::OnAnswer(ProxyLink& link, v1::Answer answer) {
  const auto it = pages_.find(answer.id());
  if (it == pages_.end() || it->second.link != &link) return;
  Page& page = it->second;
  page.bytes += answer.body().size();
  v1::AdminPageResponse part;
  if (!page.has_head) {
    part.set_status(answer.status());
    part.set_content_type(answer.content_type().empty() ? "text/plain" : answer.content_type());
    page.has_head = true;
  }
  part.set_body(std::move(*answer.mutable_body()));
  absl::Status status = page.sink->OnPart(std::move(part));
  if (status.ok() && page.bytes > kMaxPageBytes) {
    status = absl::ResourceExhaustedError(
        absl::StrCat("the page is longer than ", kMaxPageBytes, " bytes"));
  }
  if (status.ok() && !answer.last()) return;
  const std::unique_ptr<Sink> sink = std::move(page.sink);
  pages_.erase(it);
  sink->OnEnd(std::move(status));
}

void PageRelay::OnClosed(ProxyLink& link) {
  EndIf([&link](const Page& page) { return page.link == &link; },
        absl::UnavailableError("the proxy's stream has ended"));
}

void PageRelay::OnTick(absl::Time now) {
  EndIf([now](const Page& page) { return page.deadline <= now; },
        absl::DeadlineExceededError("the proxy has not answered in time"));
}

void PageRelay::EndIf(const std::function<bool(const Page&)>& matches, const absl::Status& status) {
  for (auto it = pages_.begin(); it != pages_.end();) {
    if (!matches(it->second)) {
      ++it;
      continue;
    }
    const std::unique_ptr<Sink> sink = std::move(it->second.sink);
    it = pages_.erase(it);
    sink->OnEnd(status);
  }
}

}  // namespace sluice::fleet
