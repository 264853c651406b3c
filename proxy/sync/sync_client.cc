#include "proxy/sync/sync_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace sluice::sync {
namespace {

// Different failures to remember of one outage.
constexpr size_t kMaxLogged = 100;

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

// A numeric address in brackets is net::Address's business.
absl::StatusOr<HostPort> SplitHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || colon == 0 || text.find(':') != colon ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no HOST:PORT with a port from 1 to 65535"));
  }
  return HostPort{text.substr(0, colon), static_cast<uint16_t>(port)};
}

}  // namespace

absl::Status SyncClient::CheckAddress(const std::string& address) {
  const std::optional<net::Address> numeric = net::Address::Parse(address);
  if (numeric.has_value() && numeric->port() != 0) return absl::OkStatus();
  return SplitHostPort(address).status();
}

SyncClient::SyncClient(net::IoContext& io, event::Loop& build_loop, Keeper& keeper,
                       ProxyHooks& hooks, const Options& options)
    : io_(io),
      build_loop_(build_loop),
      keeper_(keeper),
      hooks_(hooks),
      options_(options),
      back_off_(options.identity.instance),
      next_address_(back_off_.Below(options.control_planes.size())),
      report_timer_(io.loop.timers(), &event::Timer::Call<SyncClient, &SyncClient::SendReport>,
                    this),
      retry_timer_(io.loop.timers(), &event::Timer::Call<SyncClient, &SyncClient::BeginRound>,
                   this) {}

SyncClient::~SyncClient() = default;

void SyncClient::Start() {
  build_loop_.PostFromAnyThread([this] { keeper_.Boot(*this); });
}

void SyncClient::Stop() {
  is_stopped_ = true;
  retry_timer_.Cancel();
  report_timer_.Cancel();
  if (stream_ != nullptr) io_.loop.DeleteLater(std::move(stream_));
  state_.is_connected = false;
  is_paused_ = false;
  answers_.clear();
  addresses_.clear();
  targets_.clear();
}

void SyncClient::Resume() {
  if (!std::exchange(is_stopped_, false)) return;
  if (has_booted_) BeginRound();
}

// --- Connecting.

void SyncClient::BeginRound() {
  if (is_stopped_) return;
  const size_t count = options_.control_planes.size();
  for (size_t i = 0; i < count; ++i) {
    addresses_.push_back(options_.control_planes[(next_address_ + i) % count]);
  }
  // Not always the same one first: its being down would cost every proxy the same wait.
  next_address_ = (next_address_ + 1) % count;
  TryNext();
}

void SyncClient::TryNext() {
  if (is_stopped_) return;
  if (!targets_.empty()) {
    const Target target = std::move(targets_.front());
    targets_.pop_front();
    return Dial(target);
  }
  if (addresses_.empty()) return Wait(back_off_.Next());
  const std::string address = std::move(addresses_.front());
  addresses_.pop_front();
  const std::optional<net::Address> numeric = net::Address::Parse(address);
  if (numeric.has_value()) return Dial({address, *numeric});
  Resolve(address);
}

void SyncClient::Resolve(const std::string& address) {
  state_.control_plane = address;
  const absl::StatusOr<HostPort> split = SplitHostPort(address);
  if (!split.ok()) return OnFailure(split.status());
  const uint16_t port = split->port;
  hooks_.Resolve(split->host,
                 [this, address, port](absl::StatusOr<std::vector<net::IpAddress>> ips) {
                   if (!ips.ok()) return OnFailure(ips.status());
                   for (const net::IpAddress& ip : *ips)
                     targets_.push_back({address, net::Address(ip, port)});
                   TryNext();
                 });
}

void SyncClient::Dial(const Target& target) {
  state_.control_plane = target.authority;
  ++stream_number_;
  ControlStream::Events& events = *this;
  stream_ = std::make_unique<ControlStream>(io_, events);
  absl::Status status = stream_->Start(target.address, target.authority, options_.secure);
  if (status.ok()) return;
  io_.loop.DeleteLater(std::move(stream_));
  OnFailure(status);
}

void SyncClient::OnFailure(const absl::Status& why) {
  state_.last_error = std::string(why.message());
  // Told once an outage, not with every attempt.
  std::string line = absl::StrCat("control plane ", state_.control_plane, ": ", why.message());
  if (logged_.size() >= kMaxLogged) logged_.clear();
  if (logged_.insert(line).second) {
    LOG(WARNING) << line;
  }
  TryNext();
}

void SyncClient::Wait(absl::Duration wait) {
  retry_timer_.SetAt(io_.loop.now_ns() + absl::ToInt64Nanoseconds(wait));
}

void SyncClient::OnEnded(const absl::Status& why, std::optional<absl::Duration> retry_after) {
  const bool was_welcome = stream_->is_welcome();
  io_.loop.DeleteLater(std::move(stream_));
  state_.is_connected = false;
  is_paused_ = false;
  report_timer_.Cancel();
  answers_.clear();
  build_loop_.PostFromAnyThread([this] { keeper_.AbandonUpdate(); });
  if (!was_welcome && !retry_after.has_value()) return OnFailure(why);
  // It worked, or wants to be left alone: the other addresses are no answer to that.
  state_.last_error = std::string(why.message());
  LOG(WARNING) << "control plane " << state_.control_plane << ": " << why.message();
  const int64_t lasted_ns = io_.loop.now_ns() - welcome_at_ns_;
  if (was_welcome && lasted_ns >= absl::ToInt64Nanoseconds(kSuccess)) back_off_.Reset();
  addresses_.clear();
  targets_.clear();
  Wait(retry_after.has_value() ? back_off_.Around(*retry_after) : back_off_.Next());
}

// --- The stream.

std::string SyncClient::Hello() {
  return EncodeHello(options_.identity, state_.active, state_.persisted);
}

void SyncClient::OnWelcome(const Welcome& welcome) {
  LOG(INFO) << "control plane " << state_.control_plane << ": connected; it has "
            << ToString(welcome.target) << ", "
            << (state_.active.has_value() ? ToString(*state_.active) : "nothing")
            << " is held here";
  logged_.clear();
  welcome_at_ns_ = io_.loop.now_ns();
  state_.is_connected = true;
  report_interval_ = welcome.report_interval;
  if (rejected_.has_value()) SendIfWelcome(EncodeStatus(*rejected_));
  if (degraded_.has_value()) SendIfWelcome(EncodeStatus(*degraded_));
  SendReport();
}

void SyncClient::OnUpdatePart(UpdatePart part) {
  in_flight_ += part.bytes();
  if (in_flight_ > kMaxInFlight && !is_paused_) {
    is_paused_ = true;
    stream_->Pause();
  }
  build_loop_.PostFromAnyThread(
      [this, part = std::move(part)]() mutable { keeper_.TakePart(std::move(part)); });
}

void SyncClient::PartTaken(size_t bytes) {
  in_flight_ -= bytes;
  if (!is_paused_ || in_flight_ > kMaxInFlight / 2) return;
  is_paused_ = false;
  stream_->Resume();
}

void SyncClient::SendIfWelcome(const std::string& message) {
  if (state_.is_connected) stream_->Send(message);
}

void SyncClient::SendReport() {
  Figures figures = hooks_.CollectFigures();
  if (!state_.disk_fault.empty()) {
    resource::Problem problem;
    problem.problem = absl::StrCat("the configuration is not kept on disk: ", state_.disk_fault);
    figures.problems.push_back(std::move(problem));
  }
  // Who does not read must not make us hoard.
  if (!stream_->is_send_blocked()) {
    stream_->Send(EncodeReport(figures, state_.active, state_.persisted));
  }
  report_timer_.SetAt(io_.loop.now_ns() + absl::ToInt64Nanoseconds(report_interval_));
}

void SyncClient::OnQuery(const Query& query) {
  const uint64_t stream = stream_number_;
  const uint64_t id = query.id;
  hooks_.GetPage(query.path, [this, stream, id](ProxyHooks::Page page) {
    if (stream != stream_number_ || !state_.is_connected) return;
    answers_.push_back({id, std::move(page)});
    SendAnswers();
  });
}

void SyncClient::SendAnswers() {
  while (!answers_.empty() && !stream_->is_send_blocked()) {
    Answer& answer = answers_.front();
    AnswerPart part;
    part.id = answer.query;
    part.status = answer.page.status;
    part.content_type = answer.page.content_type;
    part.body = absl::string_view(answer.page.body).substr(answer.sent, kAnswerBytes);
    answer.sent += part.body.size();
    part.is_last = answer.sent == answer.page.body.size();
    stream_->Send(EncodeAnswer(part));
    if (part.is_last) answers_.pop_front();
  }
}

// --- What the keeper says, from the build thread to this one.

void SyncClient::OnBooted(const std::optional<Generation>& active) {
  io_.loop.PostFromAnyThread([this, active] { Booted(active); });
}

void SyncClient::OnPartTaken(size_t bytes) {
  io_.loop.PostFromAnyThread([this, bytes] { PartTaken(bytes); });
}

void SyncClient::OnPhase(const PhaseReport& report) {
  io_.loop.PostFromAnyThread([this, report] { TellPhase(report); });
}

void SyncClient::OnResync(const std::string& reason) {
  io_.loop.PostFromAnyThread([this, reason] { SendIfWelcome(EncodeResync(reason)); });
}

void SyncClient::OnStaleServer(const std::string& reason) {
  io_.loop.PostFromAnyThread([this, reason] {
    if (state_.is_connected) stream_->End(absl::FailedPreconditionError(reason));
  });
}

void SyncClient::OnPersisted(const std::optional<Generation>& persisted, const std::string& fault) {
  io_.loop.PostFromAnyThread([this, persisted, fault] {
    state_.persisted = persisted;
    state_.disk_fault = fault;
  });
}

void SyncClient::Booted(const std::optional<Generation>& active) {
  if (active.has_value()) {
    LOG(INFO) << "serving " << ToString(*active) << " from disk";
  }
  state_.active = active;
  has_booted_ = true;
  hooks_.OnBooted(active.has_value());
  BeginRound();
}

void SyncClient::TellPhase(const PhaseReport& report) {
  NotePhase(report);
  SendIfWelcome(EncodeStatus(report));
}

void SyncClient::NotePhase(const PhaseReport& report) {
  switch (report.phase) {
    case PhaseReport::Phase::kReceived:
      return;
    case PhaseReport::Phase::kRejected:
      LOG(WARNING) << ToString(report.generation) << " is rejected: "
                   << (report.problems.empty() ? "" : resource::ToString(report.problems[0]));
      rejected_ = report;
      return;
    case PhaseReport::Phase::kDegraded:
      LOG(WARNING) << ToString(report.generation) << " is degraded: "
                   << (report.problems.empty() ? "" : resource::ToString(report.problems[0]));
      degraded_ = report;
      break;
    case PhaseReport::Phase::kActive:
      degraded_.reset();
      break;
  }
  // What was rejected before is of the past once something newer is served.
  if (state_.active.has_value() && state_.active != report.generation) rejected_.reset();
  state_.active = report.generation;
}

}  // namespace sluice::sync
