#include "proxy/exchange/mirror.h"

#include <memory>
#include <utility>

namespace sluice::exchange {

using observe::MirrorResult;
using observe::UpstreamMetric;

// --- Lists ---------------------------------------------------------------------------------------

void MirrorFeed::Push(const net::Buffer& body) {
  for (Mirror* mirror = first_; mirror != nullptr;) {
    Mirror* const next = mirror->next_in_feed_;
    mirror->Push(body);
    mirror = next;
  }
}

void MirrorFeed::Complete(const http::HeaderMap* trailers) {
  while (first_ != nullptr) first_->Complete(trailers);
}

void MirrorFeed::Close() {
  while (first_ != nullptr) first_->End(MirrorResult::kCut);
}

void MirrorList::Clear() {
  while (first_ != nullptr) first_->End(MirrorResult::kCut);
}

// --- Life ----------------------------------------------------------------------------------------

void Mirror::Begin(MirrorFeed& feed, Worker& worker, upstream::Cluster& cluster, uint32_t endpoint,
                   upstream::Permit permit, const Original& original) {
  net::Block* block = worker.io.pool.Take(net::BlockSize::k4K).release();
  static_assert(sizeof(Mirror) < 2048, "leave room for the arena");
  auto* mirror = new (block->data()) Mirror(feed, worker, block, original);
  Attempt::Owner& owner = *mirror;
  mirror->attempt_.emplace(owner, worker, cluster, endpoint,
                           Attempt::Permits{std::move(permit), upstream::Permit()});
  mirror->attempt_->set_prelude(mirror->arena_.Copy(original.prelude));
  if (mirror->attempt_->Start(/*fresh=*/false) == Attempt::Started::kOverflow) {
    return mirror->End(MirrorResult::kDropped);
  }
  if (original.is_complete) return mirror->Complete(original.trailers);
  mirror->Pump();
}

void Mirror::CountDropped(Worker& worker, const upstream::Cluster& cluster) {
  worker.metrics.Add(cluster.settings().metrics, UpstreamMetric::kMirrored, MirrorResult::kDropped);
}

Mirror::Mirror(MirrorFeed& feed, Worker& worker, net::Block* block, const Original& original)
    : worker_(worker),
      block_(block),
      arena_(worker.io.pool, block->data() + sizeof(Mirror), block->data() + block->capacity),
      head_(arena_),
      timer_(worker.io.loop.timers(), &event::Timer::Call<Mirror, &Mirror::OnTimer>, this),
      timeout_ns_(original.timeout_ns > 0 ? original.timeout_ns : kMirrorTimeoutNs),
      feed_(&feed),
      next_in_feed_(std::exchange(feed.first_, this)),
      next_(std::exchange(worker.mirrors.first_, this)) {
  if (next_ != nullptr) next_->previous_ = this;
  CopyHead(original);
  pending_.AppendShared(original.body, 0, original.body.size());
}

Mirror::~Mirror() = default;

void Mirror::operator delete(Mirror* mirror, std::destroying_delete_t) {
  net::BlockRef block(mirror->block_);
  mirror->~Mirror();
}

// The exchange's views end with it, or change with its next attempt.
void Mirror::CopyHead(const Original& original) {
  const http::RequestHead& head = original.head;
  head_.method = arena_.Copy(head.method);
  head_.method_id = head.method_id;
  head_.version = head.version;
  head_.authority = arena_.Copy(original.authority);
  head_.path = arena_.Copy(head.path);
  if (head.query) head_.query = arena_.Copy(*head.query);
  head_.body = head.body;
  head_.headers.Reserve(head.headers.count());
  head.headers.ForEach([this](const http::HeaderMap::Entry& e) {
    // Nobody would hear that the body is wanted.
    if (e.id == http::HeaderId::kExpect) return;
    head_.headers.Add(e.id, arena_.Copy(e.name()), arena_.Copy(e.value()));
  });
}

void Mirror::LeaveFeed() {
  if (feed_ == nullptr) return;
  Mirror** link = &std::exchange(feed_, nullptr)->first_;
  while (*link != this) link = &(*link)->next_in_feed_;
  *link = next_in_feed_;
}

void Mirror::End(MirrorResult result) {
  worker_.metrics.Add(attempt_->cluster().settings().metrics, UpstreamMetric::kMirrored, result);
  LeaveFeed();
  (previous_ == nullptr ? worker_.mirrors.first_ : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  timer_.Cancel();
  attempt_.reset();
  pending_.Clear();
  worker_.io.loop.DeleteLater(std::unique_ptr<Mirror>(this));
}

// --- Request -------------------------------------------------------------------------------------

void Mirror::Push(const net::Buffer& body) {
  pending_.AppendShared(body, 0, body.size());
  Pump();
  if (is_behind()) End(MirrorResult::kCut);
}

void Mirror::Complete(const http::HeaderMap* trailers) {
  LeaveFeed();
  is_complete_ = true;
  timer_.SetAt(worker_.io.loop.now_ns() + timeout_ns_);
  if (trailers != nullptr && trailers->count() > 0) {
    auto* copy = new (arena_.Allocate(sizeof(http::HeaderMap), alignof(http::HeaderMap)))
        http::HeaderMap(arena_);
    trailers->ForEach([this, copy](const http::HeaderMap::Entry& e) {
      copy->Add(e.id, arena_.Copy(e.name()), arena_.Copy(e.value()));
    });
    trailers_ = copy;
  }
  Pump();
  if (is_behind()) End(MirrorResult::kCut);
}

bool Mirror::is_behind() const {
  const http::ClientStream* stream = attempt_->stream();
  const size_t waiting = pending_.size() + (stream == nullptr ? 0 : stream->held_bytes());
  return waiting > kMaxMirrorBytes || worker_.io.pool.is_exhausted();
}

void Mirror::Pump() {
  http::ClientStream* stream = attempt_->stream();
  if (stream == nullptr || has_sent_end_) return;
  if (!has_sent_head_) {
    has_sent_head_ = true;
    has_sent_end_ = is_complete_ && pending_.empty() && trailers_ == nullptr;
    attempt_->MarkStarted();
    stream->SendHead(head_, has_sent_end_);
    if (has_sent_end_) return;
  }
  if (stream->is_send_blocked()) return;
  const bool ends_with_body = is_complete_ && trailers_ == nullptr && !pending_.empty();
  if (!pending_.empty()) stream->SendBody(std::exchange(pending_, net::Buffer()), ends_with_body);
  if (is_complete_ && !ends_with_body) stream->SendEnd(trailers_);
  has_sent_end_ = is_complete_;
}

// --- Response ------------------------------------------------------------------------------------

void Mirror::OnAttemptHead(http::ResponseHead&, bool end, Attempt&) {
  if (end) End(MirrorResult::kAnswered);
}

void Mirror::OnAttemptEnd(const http::HeaderMap*, Attempt&) { End(MirrorResult::kAnswered); }

void Mirror::OnAttemptReset(http::ResetReason, Attempt&) { End(MirrorResult::kFailed); }

void Mirror::OnTimer() {
  attempt_->NoteTimeout();
  End(MirrorResult::kFailed);
}

}  // namespace sluice::exchange
