#include "proxy/server/worker.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"

namespace sluice::server {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;

}  // namespace

Worker::Worker(const Clock& clock, observe::MetricRegistry& metrics, observe::LogThread& log,
               Options options)
    : name_(options.name),
      loop_(clock),
      pool_(options.buffer_budget_bytes),
      io_(loop_, pool_),
      exchange_(io_, metrics.AddWorker(), log.AddWriter(), options.seed),
      pool_context_{io_, exchange_.metrics, codec_memory_.scratch_head},
      memory_guard_(io_, *this),
      tick_(loop_.timers(), &event::Timer::Call<Worker, &Worker::OnTick>, this) {
  exchange_.workers_group = metrics.workers_group();
  exchange_.node = options.node;
  exchange_.hostname = options.hostname;
  exchange_.consumers = std::make_shared<const plugins::ConsumerTable>();
}

Worker::~Worker() {
  Join();
  // Connections name their listeners, exchanges their clusters: in that order.
  for (auto& [name, listener] : listeners_) listener->CloseConnections();
  for (auto& listener : retired_) listener->CloseConnections();
  exchange_.mirrors.Clear();
  loop_.RunOnce(absl::ZeroDuration());
  exchange_.clusters.clear();
}

void Worker::Join() {
  if (!thread_.joinable()) return;
  loop_.StopFromAnyThread();
  thread_.join();
}

absl::Status Worker::Start() {
  if (absl::Status status = loop_.Init(); !status.ok()) return status;
  tick_.SetAt(loop_.now_ns() + kTickNs);
  thread_ = std::thread([this] {
    NameThisThread(name_);
    loop_.Run();
  });
  return absl::OkStatus();
}

void Worker::ApplyFromAnyThread(std::shared_ptr<const runtime::Snapshot> snapshot,
                                std::vector<runtime::ClusterStep> steps,
                                std::vector<NewSocket> sockets, absl::AnyInvocable<void()> done) {
  loop_.PostFromAnyThread([this, snapshot = std::move(snapshot), steps = std::move(steps),
                           sockets = std::move(sockets), done = std::move(done)]() mutable {
    Apply(std::move(snapshot), steps, sockets);
    done();
  });
}

void Worker::Apply(std::shared_ptr<const runtime::Snapshot> snapshot,
                   std::vector<runtime::ClusterStep>& steps, std::vector<NewSocket>& sockets) {
  exchange_.pins.CountHolders();
  // One turn: no request sees half of it.
  for (runtime::ClusterStep& step : steps) ApplyCluster(step);
  ApplyListeners(*snapshot, sockets);
  exchange_.consumers = snapshot->consumers;
  exchange_.generation = snapshot->generation;
  exchange_.overlays.Clear();
  snapshot_ = std::move(snapshot);
}

void Worker::ApplyCluster(runtime::ClusterStep& step) {
  std::vector<upstream::ClusterRef>& clusters = exchange_.clusters;
  if (clusters.size() <= step.slot) clusters.resize(step.slot + 1);
  upstream::ClusterRef& cluster = clusters[step.slot];
  if (step.settings == nullptr) {
    cluster = upstream::ClusterRef();
  } else if (cluster) {
    cluster->Update(std::move(step.settings), std::move(step.endpoints));
  } else {
    cluster = upstream::ClusterRef(
        new upstream::Cluster(pool_context_, graveyard_, std::move(step.settings),
                              std::move(step.endpoints), exchange_.random.Next()));
  }
}

void Worker::ApplyListeners(const runtime::Snapshot& snapshot, std::vector<NewSocket>& sockets) {
  Listeners next;
  for (const std::shared_ptr<const runtime::ListenerSpec>& spec : snapshot.listeners) {
    const auto present = listeners_.find(spec->address);
    if (present != listeners_.end()) {
      present->second->Update(spec);
      next[spec->address] = std::move(present->second);
      listeners_.erase(present);
    } else if (std::unique_ptr<WorkerListener> listener = Open(spec, sockets)) {
      next[spec->address] = std::move(listener);
    }
  }
  for (auto& [address, listener] : listeners_) {
    listener->Drain();
    retired_.push_back(std::move(listener));
  }
  for (auto& listener : retired_) listener->DropRules();
  listeners_ = std::move(next);
}

std::unique_ptr<WorkerListener> Worker::Open(
    const std::shared_ptr<const runtime::ListenerSpec>& spec, std::vector<NewSocket>& sockets) {
  const auto socket = std::find_if(sockets.begin(), sockets.end(),
                                   [&](const NewSocket& s) { return s.address == spec->address; });
  const auto before = std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& entry) {
    return entry.first.Covers(spec->address) || spec->address.Covers(entry.first);
  });
  const bool is_new = before == listeners_.end();
  const bool has_socket = socket != sockets.end();
  // Its address could not be bound: the publisher tries again.
  if (!has_socket && (is_new || !before->second->HasSocketOf(spec->address))) return nullptr;
  ListeningSockets fresh = has_socket ? std::move(socket->sockets) : ListeningSockets();
  std::unique_ptr<WorkerListener> listener;
  absl::Status status;
  if (is_new) {
    listener = std::make_unique<WorkerListener>(exchange_, codec_memory_, spec);
    status = listener->Listen(std::move(fresh));
  } else {
    listener = std::move(before->second);
    listeners_.erase(before);
    status = listener->Move(spec, std::move(fresh));
  }
  if (!status.ok()) {
    LOG(ERROR) << "listener \"" << spec->name << "\": " << status.message();
  }
  listener->SetOverload(overload_);
  return listener;
}

void Worker::DrainFromAnyThread(IdleDrain drain, absl::AnyInvocable<void()> idle) {
  loop_.PostFromAnyThread([this, drain, idle = std::move(idle)]() mutable {
    on_idle_ = std::move(idle);
    for (auto& [name, listener] : listeners_) {
      listener->Drain(drain);
      retired_.push_back(std::move(listener));
    }
    listeners_.clear();
    OnTick();
  });
}

void Worker::SetOverloadFromAnyThread(const OverloadActions& actions) {
  loop_.PostFromAnyThread([this, actions] {
    overload_ = actions;
    exchange_.shed_below = actions.shed_below;
    pool_.KeepTight(actions.shrink);
    if (actions.shrink) ReleaseMemory();
    for (auto& [address, listener] : listeners_) listener->SetOverload(actions);
  });
}

void Worker::CloseIdleFromAnyThread() {
  loop_.PostFromAnyThread([this] {
    for (auto& listener : retired_) listener->Drain(IdleDrain::kClose);
  });
}

void Worker::DuplicateSocketsFromAnyThread(absl::AnyInvocable<void(std::vector<NewSocket>)> done) {
  loop_.PostFromAnyThread([this, done = std::move(done)]() mutable {
    std::vector<NewSocket> sockets;
    for (const auto& [address, listener] : listeners_) {
      sockets.push_back({address, {.fds = listener->DuplicateSockets()}});
    }
    done(std::move(sockets));
  });
}

void Worker::CutFromAnyThread(absl::AnyInvocable<void(size_t)> done) {
  loop_.PostFromAnyThread([this, done = std::move(done)]() mutable {
    size_t cut = 0;
    for (auto& listener : retired_) cut += listener->CloseConnections();
    done(cut);
  });
}

void Worker::ListHolders(std::vector<MemoryGuard::Holder>& holders) {
  for (const auto& [address, listener] : listeners_) listener->ListHolders(holders);
  for (const auto& listener : retired_) listener->ListHolders(holders);
}

void Worker::ReleaseMemory() {
  pool_.Release();
  codec_memory_.http2.Release();
}

void Worker::CountMemory() {
  using observe::WorkersMetric;
  observe::WorkerMetrics& metrics = exchange_.metrics;
  // The difference may be negative: it wraps, and the sum is right.
  metrics.Add(exchange_.workers_group, WorkersMetric::kBufferBytes,
              pool_.lent_bytes() - std::exchange(counted_buffer_bytes_, pool_.lent_bytes()));
  metrics.Add(exchange_.workers_group, WorkersMetric::kConnectionsShed,
              memory_guard_.sheds() - std::exchange(counted_sheds_, memory_guard_.sheds()));
}

void Worker::OnTick() {
  if (overload_.shrink) {
    ReleaseMemory();
  } else {
    pool_.Trim();
    codec_memory_.http2.Trim();
  }
  CountMemory();
  graveyard_.Sweep();
  std::erase_if(retired_, [this](std::unique_ptr<WorkerListener>& listener) {
    if (!listener->is_empty()) return false;
    // Exchanges that ended in this turn still name it; they are deleted first.
    loop_.DeleteLater(std::move(listener));
    return true;
  });
  const bool is_idle = retired_.empty() && exchange_.active_exchanges == 0;
  if (on_idle_ && is_idle) std::exchange(on_idle_, nullptr)();
  // While draining somebody waits for the last connection.
  const int64_t next = on_idle_ ? kTickNs / 50 : kTickNs;
  tick_.SetAt(loop_.now_ns() + next);
}

}  // namespace sluice::server
