#include "proxy/server/admin/admin_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace sluice::server {
namespace {

// An operator's browser and a scraper or two.
constexpr size_t kMaxConnections = 256;

}  // namespace

// One request. Deletes itself by Loop::DeleteLater() when it is answered or given up; an answer
// that comes later finds it gone through `alive`.
class AdminServer::Request final : public http::ServerStreamEvents, private event::Task {
 public:
  Request(AdminServer& server, http::ServerStream& stream)
      : server_(server),
        stream_(stream),
        arena_(server.io_.pool, memory_, memory_ + sizeof(memory_)),
        head_(arena_) {}

  http::RequestHead& request_head() override { return head_; }

  void OnRequestHead(bool) override {
    is_head_ = head_.method_id == http::Method::kHead;
    if (std::optional<Page> refusal = server_.Check(head_)) return Answer(*std::move(refusal));
    std::string target(head_.path);
    if (head_.query) target += "?" + std::string(*head_.query);
    server_.pages_.GetPage(target, [this, alive = alive_](Page page) {
      if (*alive) Answer(std::move(page));
    });
  }

  void OnBadRequest(const http::LocalError& error) override {
    Answer({error.status, "text/plain; charset=utf-8", std::string(error.details) + "\n"});
  }
  void OnRequestBody(net::Buffer&&) override {}
  void OnRequestEnd(const http::HeaderMap*) override {}
  void OnClientReset(http::ResetReason, const http::LocalError* error) override {
    if (error == nullptr) return End();
    OnBadRequest(*error);
  }
  void OnSendRoom() override { GoOn(); }
  size_t held_bytes() const override { return 0; }

 private:
  void Answer(Page page) {
    page_ = std::move(page);
    http::ResponseHead response(arena_);
    response.status = page_.status;
    response.body = page_.next == nullptr ? http::BodySize::Length(page_.body.size())
                                          : http::BodySize::Unknown();
    response.headers.Add(http::HeaderId::kContentType, page_.content_type);
    response.headers.Add("cache-control", "no-store");
    response.headers.Add("x-content-type-options", "nosniff");
    stream_.SendHead(response, false);
    has_sent_head_ = true;
    if (is_head_) page_ = Page();
    Run();
  }

  // Sends a piece of the page. The next one, if there is room for it, in another turn.
  void Run() override {
    const bool is_last = page_.next == nullptr || !page_.next(page_.body);
    net::Buffer piece;
    piece.AppendCopy(server_.io_.pool, std::exchange(page_.body, {}));
    stream_.SendBody(std::move(piece), is_last);
    if (!is_last) return GoOn();
    stream_.Release();
    End();
  }

  void GoOn() {
    const bool has_more = has_sent_head_ && page_.next != nullptr;
    if (has_more && !stream_.is_send_blocked()) {
      server_.io_.loop.Schedule(*this, event::Phase::kReady);
    }
  }

  void End() {
    *alive_ = false;
    Unschedule();
    server_.io_.loop.DeleteLater(std::unique_ptr<Request>(this));
  }

  AdminServer& server_;
  http::ServerStream& stream_;
  char memory_[2048];
  http::Arena arena_;
  http::RequestHead head_;
  Page page_;
  bool is_head_ = false;
  bool has_sent_head_ = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

AdminServer::AdminServer(net::IoContext& io, PageSource& pages, Access access)
    : io_(io), pages_(pages), access_(std::move(access)) {}

AdminServer::~AdminServer() {
  while (!connections_.empty()) connections_.begin()->first->CloseNow();
}

absl::Status AdminServer::Start(const net::Address& address) {
  if (address.port() != 0) RETURN_IF_ERROR(net::ProbeBind(address));
  ASSIGN_OR_RETURN(net::Fd fd, net::Listen(address, 128));
  return Start(std::move(fd));
}

absl::Status AdminServer::Start(net::Fd fd) {
  net::Acceptor::Owner& owner = *this;
  listening_.emplace(io_.loop, std::move(fd), owner);
  return listening_->Start();
}

std::optional<Page> AdminServer::Check(const http::RequestHead& head) const {
  constexpr char kText[] = "text/plain; charset=utf-8";
  // A request of HTTP/1.0 without a Host comes from no browser.
  const bool is_foreign =
      access_.hosts.has_value() && !head.authority.empty() && !access_.hosts->Has(head.authority);
  if (is_foreign) {
    return Page{403, kText,
                absl::StrCat("this proxy is not called \"", head.authority,
                             "\"; --admin-allowed-host gives it another name\n")};
  }
  using http::Method;
  if (access_.is_control) {
    if (head.method_id == Method::kPost) return std::nullopt;
    return Page{405, kText, "actions are taken by POST\n"};
  }
  if (head.method_id == Method::kGet || head.method_id == Method::kHead) return std::nullopt;
  return Page{405, kText, "these pages are read only: use GET\n"};
}

void AdminServer::OnAccept(net::Fd fd, const net::Address& peer) {
  if (connections_.size() >= kMaxConnections) return;
  http::h1::ServerConnection::Host& host = *this;
  auto connection =
      std::make_unique<http::h1::ServerConnection>(io_, std::move(fd), peer, ++next_id_, host);
  if (!connection->Start().ok()) return;
  http::ServerCodec* key = connection.get();
  connections_.emplace(key, std::move(connection));
}

void AdminServer::OnClosed(http::ServerCodec& connection) {
  const auto it = connections_.find(&connection);
  io_.loop.DeleteLater(std::move(it->second));
  connections_.erase(it);
}

http::ServerStreamEvents* AdminServer::NewStream(http::ServerStream& stream) {
  return new Request(*this, stream);
}

}  // namespace sluice::server
