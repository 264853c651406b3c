// c-ares speaks DNS; this tells it when its sockets are ready and when its timeouts pass, and keeps
// what it learns. A Name lives while it is watched; a question under way when the last watch goes
// is left to end unheard, since c-ares can cancel all questions or none.
#include "proxy/net/dns/resolver.h"

#include <ares.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/net/dns/route.h"

namespace sluice::net::dns {

namespace {

// EDNS: larger answers than 512 bytes without TCP, and small enough not to be fragmented.
constexpr int kUdpAnswerBytes = 1232;

// Differs after a change: tools write the file anew or in place.
std::array<int64_t, 4> VersionOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return {};
  return {static_cast<int64_t>(info.st_ino), info.st_size, info.st_mtim.tv_sec,
          info.st_mtim.tv_nsec};
}

std::optional<IpAddress> AddressOf(const ares_addrinfo_node& node) {
  sockaddr_storage storage{};
  if (node.ai_family != AF_INET && node.ai_family != AF_INET6) return std::nullopt;
  std::memcpy(&storage, node.ai_addr, node.ai_addrlen);
  return Address::FromSockaddr(storage).ip();
}

Resolver::Addresses AddressesOf(const ares_addrinfo& answer) {
  Resolver::Addresses all;
  for (const ares_addrinfo_node* node = answer.nodes; node != nullptr; node = node->ai_next) {
    if (const std::optional<IpAddress> address = AddressOf(*node)) all.push_back(*address);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  Resolver::Addresses reachable;
  std::copy_if(all.begin(), all.end(), std::back_inserter(reachable), HasRoute);
  return reachable.empty() ? all : reachable;
}

// Of all records on the way to the addresses.
absl::Duration TtlOf(const ares_addrinfo& answer) {
  absl::Duration ttl = Resolver::kMaxTtl;
  for (const ares_addrinfo_node* node = answer.nodes; node != nullptr; node = node->ai_next) {
    ttl = std::min(ttl, absl::Seconds(node->ai_ttl));
  }
  for (const ares_addrinfo_cname* alias = answer.cnames; alias != nullptr; alias = alias->next) {
    ttl = std::min(ttl, absl::Seconds(alias->ttl));
  }
  return std::max(ttl, Resolver::kMinTtl);
}

}  // namespace

// One name, and who watches it. Runs callbacks from the loop, one after the other; any of them may
// end any watch.
class Resolver::Name final : public event::Task {
 public:
  Name(Resolver& resolver, std::string name)
      : resolver_(resolver),
        name_(std::move(name)),
        timer_(resolver.loop_.timers(), &event::Timer::Call<Name, &Name::OnTimer>, this) {}
  ~Name();

  const std::string& name() const { return name_; }

  std::unique_ptr<Watch> Add(OnChange on_change) {
    std::unique_ptr<Watch> watch(new Watch(*this, std::move(on_change)));
    watch->place_ = untold_.insert(untold_.end(), watch.get());
    if (latest_.has_value()) Tell();
    return watch;
  }

  void Remove(Watch& watch) {
    if (telling_ == &watch) telling_ = nullptr;
    (watch.is_told_ ? told_ : untold_).erase(watch.place_);
    if (told_.empty() && untold_.empty()) {
      timer_.Cancel();
      resolver_.Forget(*this);
    }
  }

  // A numeric address, or what the question brought.
  void OnResolved(Addresses addresses, absl::Duration ttl) {
    failures_ = 0;
    if (ttl != absl::InfiniteDuration()) SetTimer(ttl);
    if (latest_.has_value() && latest_->ok() && **latest_ == addresses) return;
    SetLatest(std::move(addresses));
  }

  void OnFailed(absl::string_view problem) {
    SetTimer(std::min(kMinTtl * (1 << std::min(failures_++, 5)), kMaxRetry));
    if (latest_.has_value()) return;
    SetLatest(absl::UnavailableError(absl::StrCat("DNS name \"", name_, "\": ", problem)));
  }

  void Run() override {
    while (!untold_.empty()) {
      Watch& watch = *untold_.front();
      watch.is_told_ = true;
      told_.splice(told_.end(), untold_, untold_.begin());
      // A callback that ends its own watch must not pull itself away from under its feet.
      OnChange on_change = std::move(watch.on_change_);
      telling_ = &watch;
      on_change(*latest_);
      if (std::exchange(telling_, nullptr) != nullptr) watch.on_change_ = std::move(on_change);
    }
  }

  Question* question = nullptr;  // Under way.

 private:
  void SetLatest(absl::StatusOr<Addresses> latest) {
    latest_ = std::move(latest);
    for (Watch* watch : told_) watch->is_told_ = false;
    untold_.splice(untold_.end(), told_);
    Tell();
  }
  void Tell() { resolver_.loop_.Schedule(*this, event::Phase::kReady); }
  void SetTimer(absl::Duration in) {
    timer_.SetAt(resolver_.loop_.now_ns() + absl::ToInt64Nanoseconds(in));
  }
  void OnTimer() { resolver_.Ask(*this); }

  Resolver& resolver_;
  const std::string name_;
  event::Timer timer_;  // To the next question.
  int failures_ = 0;    // In a row.
  std::optional<absl::StatusOr<Addresses>> latest_;
  std::list<Watch*> told_;
  std::list<Watch*> untold_;  // Do not know `latest_` yet.
  Watch* telling_ = nullptr;  // Whose callback runs; null if that ended the watch.
};

struct Resolver::Question {
  Resolver* resolver;
  Name* name;  // Null once nobody wants to know.
};

Resolver::Name::~Name() {
  if (question != nullptr) question->name = nullptr;
}

// A socket of c-ares, told of as long as it is ready, because c-ares reads once.
class Resolver::Socket final : public event::Handler {
 public:
  Socket(Resolver& resolver, int fd) : resolver_(resolver), fd_(fd) {}
  ~Socket() = default;

  void OnEvents(uint32_t events) override {
    const bool is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    resolver_.Process(is_broken || (events & EPOLLIN) != 0 ? fd_ : ARES_SOCKET_BAD,
                      (events & EPOLLOUT) != 0 ? fd_ : ARES_SOCKET_BAD);
  }

 private:
  Resolver& resolver_;
  const int fd_;
};

Resolver::Watch::~Watch() { name_.Remove(*this); }

Resolver::Resolver(event::Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      timer_(loop.timers(), &event::Timer::Call<Resolver, &Resolver::OnTimer>, this) {}

Resolver::~Resolver() { CloseChannel(); }

absl::Status Resolver::Init() { return OpenChannel(); }

absl::Status Resolver::OpenChannel() {
  ares_options options{};
  options.flags = ARES_FLAG_EDNS;
  options.ednspsz = kUdpAnswerBytes;
  options.udp_port = options_.port;
  options.tcp_port = options_.port;
  options.timeout = static_cast<int>(absl::ToInt64Milliseconds(options_.timeout));
  options.tries = options_.tries;
  std::string resolv_conf = options_.resolv_conf;
  options.resolvconf_path = resolv_conf.data();
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Resolver*>(self)->OnSocketState(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  resolv_conf_version_ = VersionOf(options_.resolv_conf);
  const int status = ares_init_options(&channel_, &options,
                                       ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_UDP_PORT |
                                           ARES_OPT_TCP_PORT | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                           ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS) return absl::OkStatus();
  channel_ = nullptr;
  const std::string message = absl::StrCat("DNS resolver: ", ares_strerror(status));
  return status == ARES_ENOMEM ? absl::ResourceExhaustedError(message)
                               : absl::InternalError(message);
}

void Resolver::CloseChannel() {
  // Ends every question with ARES_EDESTRUCTION and closes every socket, which calls back here.
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
}

void Resolver::ReopenIfChanged() {
  if (questions_ > 0) return;
  if (channel_ != nullptr && VersionOf(options_.resolv_conf) == resolv_conf_version_) return;
  CloseChannel();
  // Without a channel questions fail, and the next one tries again to have one.
  OpenChannel().IgnoreError();
}

std::unique_ptr<Resolver::Watch> Resolver::Resolve(absl::string_view name, OnChange on_change) {
  std::unique_ptr<Name>& entry = names_[name];
  if (entry != nullptr) return entry->Add(std::move(on_change));
  entry = std::make_unique<Name>(*this, std::string(name));
  Name& added = *entry;
  std::unique_ptr<Watch> watch = added.Add(std::move(on_change));
  if (const std::optional<IpAddress> address = IpAddress::Parse(name)) {
    added.OnResolved({*address}, absl::InfiniteDuration());
  } else {
    Ask(added);
  }
  return watch;
}

void Resolver::Forget(Name& name) {
  // Its last watch may be ended by its own callback: the name is on the stack then.
  auto entry = names_.extract(name.name());
  loop_.DeleteLater(std::move(entry.mapped()));
}

void Resolver::Ask(Name& name) {
  ReopenIfChanged();
  if (channel_ == nullptr) return name.OnFailed("no DNS resolver");
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  // c-ares' order of preference is of no use: all addresses are.
  hints.ai_flags = ARES_AI_NOSORT;
  name.question = new Question{this, &name};
  ++questions_;
  ares_getaddrinfo(channel_, name.name().c_str(), nullptr, &hints, &OnAnswer, name.question);
  ArmTimer();
}

void Resolver::OnAnswer(void* context, int status, int, ares_addrinfo* answer) {
  const std::unique_ptr<Question> question(static_cast<Question*>(context));
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(answer,
                                                                           &ares_freeaddrinfo);
  Resolver& resolver = *question->resolver;
  --resolver.questions_;
  Name* const name = question->name;
  if (name == nullptr) return;
  name->question = nullptr;
  if (status == ARES_EDESTRUCTION) return;
  if (status == ARES_SUCCESS && answer->nodes != nullptr) {
    ++resolver.stats_.resolved;
    name->OnResolved(AddressesOf(*answer), TtlOf(*answer));
  } else {
    ++resolver.stats_.failed;
    name->OnFailed(status == ARES_SUCCESS ? "has no addresses" : ares_strerror(status));
  }
}

void Resolver::OnSocketState(int fd, bool readable, bool writable) {
  std::unique_ptr<Socket>& socket = sockets_[fd];
  const uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
  if (events == 0) {
    // c-ares closes it next; its OnEvents() may be on the stack.
    if (socket != nullptr) {
      loop_.Remove(fd);
      loop_.DeleteLater(std::move(socket));
    }
    sockets_.erase(fd);
  } else if (socket != nullptr) {
    loop_.Modify(fd, events);
  } else {
    socket = std::make_unique<Socket>(*this, fd);
    // Without it, the question ends with a timeout.
    if (!loop_.Add(fd, *socket, events).ok()) sockets_.erase(fd);
  }
}

void Resolver::Process(int readable_fd, int writable_fd) {
  ares_process_fd(channel_, readable_fd, writable_fd);
  ArmTimer();
}

void Resolver::OnTimer() { Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

void Resolver::ArmTimer() {
  timeval wait;
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) return timer_.Cancel();
  timer_.SetAt(loop_.now_ns() + int64_t{wait.tv_sec} * 1'000'000'000 +
               int64_t{wait.tv_usec} * 1'000);
}

}  // namespace sluice::net::dns
