// The order at an activation is: marker, swap (the applier), word to the control plane, journal.
// The disk comes last because nobody need wait for it: a process that dies before it boots the view
// before and is sent the step again.
#include "proxy/sync/keeper.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "base/log.h"
#include "base/version.h"

namespace sluice::sync {
namespace {

using Phase = PhaseReport::Phase;

constexpr uint64_t kRoomToSpare = 1024 * 1024;

Phase PhaseOf(Applier::Outcome outcome) {
  switch (outcome) {
    case Applier::Outcome::kActive:
      return Phase::kActive;
    case Applier::Outcome::kDegraded:
      return Phase::kDegraded;
    case Applier::Outcome::kRejected:
      break;
  }
  return Phase::kRejected;
}

resource::Problem ProblemOf(std::string text) {
  resource::Problem problem;
  problem.problem = std::move(text);
  return problem;
}

std::string Held(const std::optional<Generation>& generation) {
  return generation.has_value() ? ToString(*generation) : "nothing";
}

std::string CondemnedText() {
  return absl::StrCat("the proxy crashed ", ActivationMarker::kCrashes, " times within ",
                      absl::ToInt64Seconds(ActivationMarker::kTrial), " s of activating it");
}

std::string SchemaText(uint32_t schema) {
  return absl::StrCat("it needs schema ", schema, "; this build reads up to ", kSchema);
}

std::string HashText(const std::string& wanted, const std::string& got) {
  return absl::StrCat("its content has the hash ", resource::ToHex(got).substr(0, 12), ", not ",
                      resource::ToHex(wanted).substr(0, 12));
}

}  // namespace

Keeper::Keeper(event::Loop& loop, const Clock& clock, const StateDirectory& directory,
               std::unique_ptr<ActivationMarker> marker, Applier& applier)
    : loop_(loop),
      clock_(clock),
      directory_(directory),
      applier_(applier),
      marker_(std::move(marker)),
      journal_(directory),
      trial_timer_(loop.timers(), &event::Timer::Call<Keeper, &Keeper::OnTrialEnd>, this),
      compact_timer_(loop.timers(), &event::Timer::Call<Keeper, &Keeper::OnCompactTimer>, this),
      disk_timer_(loop.timers(), &event::Timer::Call<Keeper, &Keeper::OnDiskTimer>, this) {}

Keeper::~Keeper() {
  if (!has_let_go_) marker_->End();
}

absl::Status Keeper::LetGo() {
  if (state_ == State::kApplying) return absl::UnavailableError("an update is being applied");
  if (journal_.is_behind() || journal_.generation() != view_.generation()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the state directory holds ", Held(journal_.generation()), ", not ",
                     Held(view_.generation()), " that is served: ", disk_fault_));
  }
  AbandonUpdate();
  OnTrialEnd();
  compact_timer_.Cancel();
  disk_timer_.Cancel();
  marker_->Suspend();
  has_let_go_ = true;
  return absl::OkStatus();
}

void Keeper::TakeBack() {
  has_let_go_ = false;
  marker_->Resume();
  OnCompactTimer();
}

// --- Boot.

void Keeper::Boot(KeeperEvents& events) {
  events_ = &events;
  state_ = State::kApplying;  // Parts wait until it is over.
  const std::optional<Generation>& condemned = marker_->condemned();
  absl::StatusOr<std::optional<Journal::Content>> content =
      journal_.Load(condemned.has_value() ? condemned->view_hash : "");
  if (!content.ok()) {
    disk_fault_ = std::string(content.status().message());
    journal_.Distrust();
    return EndBoot();
  }
  if (condemned.has_value()) {
    LOG(WARNING) << ToString(*condemned) << ": " << CondemnedText();
    const bool is_all_there_is =
        content->has_value() && (*content)->change.generation.view_hash == condemned->view_hash;
    if (!is_all_there_is) Reject(*condemned, CondemnedText());
  }
  if (!content->has_value()) return EndBoot();
  BootFrom(**std::move(content));
}

void Keeper::BootFrom(Journal::Content content) {
  change_ = std::move(content.change);
  const Generation& generation = change_.generation;
  absl::StatusOr<resource::ViewHash> hash = view_.Reduce(change_, /*is_full=*/true);
  if (change_.schema > kSchema || !hash.ok() || hash->Hash() != generation.view_hash) {
    // Left by a later build, or damage that no checksum shows. Not to be trusted, nor built upon.
    LOG(WARNING) << "the journal's " << ToString(generation) << " is not used: "
                 << (change_.schema > kSchema ? SchemaText(change_.schema) : "its hash is wrong");
    journal_.Distrust();
    return EndBoot();
  }
  BeginTrial(generation);
  received_at_ns_ = clock_.MonotonicNanos();
  applier_.Apply(change_, [this, hash = *std::move(hash), locations = std::move(content.locations)](
                              Applier::Result result) mutable {
    OnBootApplied(std::move(hash), std::move(locations), std::move(result));
  });
}

void Keeper::OnBootApplied(resource::ViewHash hash, HeldView::Locations locations,
                           Applier::Result result) {
  Report(PhaseOf(result.outcome), std::move(result.problems));
  if (result.outcome != Applier::Outcome::kRejected) {
    view_.Adopt(change_, std::move(hash), locations);
    return EndBoot();
  }
  LOG(WARNING) << "the journal's " << ToString(change_.generation) << " cannot be applied";
  OnTrialEnd();
  if (!std::exchange(has_booted_another_, true)) {
    const std::string unwanted = change_.generation.view_hash;
    absl::StatusOr<std::optional<Journal::Content>> before = journal_.Load(unwanted);
    const bool is_other =
        before.ok() && before->has_value() && (*before)->change.generation.view_hash != unwanted;
    if (is_other) return BootFrom(**std::move(before));
  }
  journal_.Distrust();
  EndBoot();
}

void Keeper::EndBoot() {
  change_ = ViewChange();
  state_ = State::kIdle;
  if (journal_.is_behind()) {
    disk_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(kRetryDisk));
  }
  events_->OnBooted(view_.generation());
  TellPersisted();
  TakeWaiting();
}

// --- Updates.

void Keeper::TakePart(UpdatePart part) {
  if (state_ == State::kApplying || !waiting_.empty()) {
    waiting_.push_back(std::move(part));
    return;
  }
  Handle(std::move(part));
}

void Keeper::TakeWaiting() {
  while (state_ != State::kApplying && !waiting_.empty()) {
    UpdatePart part = std::move(waiting_.front());
    waiting_.pop_front();
    Handle(std::move(part));
  }
}

void Keeper::AbandonUpdate() {
  for (const UpdatePart& part : waiting_) events_->OnPartTaken(part.bytes());
  waiting_.clear();
  if (state_ == State::kApplying) return;
  state_ = State::kIdle;
  change_ = ViewChange();
}

void Keeper::Handle(UpdatePart part) {
  if (part.to.has_value()) {
    state_ = Accepts(part) ? State::kReading : State::kSkipping;
    is_full_ = !part.from.has_value();
    reader_ = UpdateReader();
    change_ = ViewChange();
    change_.generation = *part.to;
    change_.schema = part.schema;
    change_.committed_at = part.committed_at;
  }
  // Parts of an update whose beginning was not taken (kIdle) go by too.
  if (state_ == State::kReading) Read(part);
  const bool is_whole = part.is_last && state_ == State::kReading;
  if (part.is_last) state_ = State::kIdle;
  events_->OnPartTaken(part.bytes());
  if (is_whole) FinishUpdate();
}

bool Keeper::Accepts(const UpdatePart& first) {
  const Generation& to = *first.to;
  const std::optional<Generation>& held = view_.generation();
  const std::optional<Generation>& condemned = marker_->condemned();
  const bool is_same_store = held.has_value() && held->store_id == to.store_id;
  const bool is_same_content = held.has_value() && held->view_hash == to.view_hash;
  if (first.schema > kSchema) {
    Reject(to, SchemaText(first.schema));
  } else if (is_same_store && to.IsBefore(*held)) {
    events_->OnStaleServer(
        absl::StrCat("it sent ", ToString(to), "; ", ToString(*held), " is held"));
  } else if (condemned.has_value() && condemned->view_hash == to.view_hash && !is_same_content) {
    Reject(to, CondemnedText());
  } else if (!first.from.has_value()) {
    return true;
  } else if (held == to) {
    // Sent to the stream before this one, and applied since the Hello.
    events_->OnPhase({to, Phase::kActive, {}, {}});
  } else if (held != first.from || !is_same_store) {
    events_->OnResync(absl::StrCat("an update from ", ToString(*first.from),
                                   " of another content; ", Held(held), " is held"));
  } else {
    return true;
  }
  return false;
}

void Keeper::Read(const UpdatePart& part) {
  received_at_ns_ = part.received_at_ns;
  if (absl::Status status = reader_.Append(part.entries, change_); !status.ok()) {
    state_ = State::kSkipping;
    OnBadUpdate(status);
  }
}

void Keeper::OnBadUpdate(const absl::Status& status) {
  const std::string text(status.message());
  LOG(WARNING) << "the update to " << ToString(change_.generation) << " is refused: " << text;
  if (is_full_) {
    Reject(change_.generation, text);
  } else {
    events_->OnResync(text);
  }
  change_ = ViewChange();
}

void Keeper::FinishUpdate() {
  if (absl::Status status = reader_.Finish(); !status.ok()) return OnBadUpdate(status);
  whole_.reset();
  if (is_full_ && journal_.is_behind()) whole_ = change_;
  absl::StatusOr<resource::ViewHash> hash = view_.Reduce(change_, is_full_);
  if (!hash.ok()) return OnBadUpdate(hash.status());
  const std::string got = hash->Hash();
  if (got != change_.generation.view_hash) {
    return OnBadUpdate(absl::DataLossError(HashText(change_.generation.view_hash, got)));
  }
  Report(Phase::kReceived, {});
  Apply(*std::move(hash));
}

void Keeper::Apply(resource::ViewHash hash) {
  state_ = State::kApplying;
  // A number cannot crash anything: what is on trial stays so.
  if (!change_.is_empty()) BeginTrial(change_.generation);
  applier_.Apply(change_, [this, hash = std::move(hash)](Applier::Result result) mutable {
    OnApplied(std::move(hash), std::move(result));
  });
}

void Keeper::OnApplied(resource::ViewHash hash, Applier::Result result) {
  Report(PhaseOf(result.outcome), std::move(result.problems));
  if (result.outcome == Applier::Outcome::kRejected) {
    OnTrialEnd();
  } else {
    Keep(std::move(hash));
  }
  change_ = ViewChange();
  whole_.reset();
  state_ = State::kIdle;
  TakeWaiting();
}

// --- The disk.

void Keeper::Keep(resource::ViewHash hash) {
  if (journal_.is_behind() && !whole_.has_value()) {
    // Only a whole view can mend it: OnDiskTimer() asks for one when there is room.
    view_.Adopt(change_, std::move(hash), HeldView::NowhereFor(change_));
    return;
  }
  const absl::Status status =
      whole_.has_value() ? KeepWhole(std::move(hash)) : KeepStep(std::move(hash));
  if (status.ok()) {
    disk_fault_.clear();
  } else {
    OnDiskFault(status);
  }
  TellPersisted();
  if (journal_.needs_compaction()) {
    compact_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(kCompactAfter));
  }
}

absl::Status Keeper::KeepStep(resource::ViewHash hash) {
  absl::StatusOr<HeldView::Locations> locations = journal_.Append(change_, view_);
  view_.Adopt(change_, std::move(hash),
              locations.ok() ? *locations : HeldView::NowhereFor(change_));
  return locations.status();
}

absl::Status Keeper::KeepWhole(resource::ViewHash hash) {
  absl::StatusOr<HeldView::Locations> locations = journal_.Rewrite(*whole_);
  view_.Adopt(change_, std::move(hash), HeldView::NowhereFor(change_));
  if (!locations.ok()) return locations.status();
  size_t next = 0;
  for (const ViewChange::Upsert& upsert : whole_->upserts) {
    view_.SetLocation(resource::ObjectKey(upsert.key), (*locations)[next++]);
  }
  for (const RegisteredEndpoint& endpoint : whole_->endpoint_upserts) {
    view_.SetLocation(ObjectKeyOf(endpoint), (*locations)[next++]);
  }
  for (const TicketKeys& tickets : whole_->ticket_upserts) {
    view_.SetLocation(ObjectKeyOf(tickets), (*locations)[next++]);
  }
  return absl::OkStatus();
}

void Keeper::OnDiskFault(const absl::Status& status) {
  LOG(WARNING) << "state directory " << directory_.path() << ": " << status.message();
  disk_fault_ = std::string(status.message());
  if (!disk_timer_.is_set()) {
    disk_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(kRetryDisk));
  }
}

// --- What is said.

void Keeper::Report(Phase phase, std::vector<resource::Problem> problems) {
  const absl::Duration took = absl::Nanoseconds(clock_.MonotonicNanos() - received_at_ns_);
  events_->OnPhase({change_.generation, phase, std::move(problems), took});
}

void Keeper::Reject(const Generation& generation, std::string problem) {
  events_->OnPhase({generation, Phase::kRejected, {ProblemOf(std::move(problem))}, {}});
}

void Keeper::NoteFaults(std::vector<resource::Problem> problems) {
  if (!view_.generation().has_value() || state_ == State::kApplying) return;
  const Phase phase = problems.empty() ? Phase::kActive : Phase::kDegraded;
  events_->OnPhase({*view_.generation(), phase, std::move(problems), {}});
}

void Keeper::TellPersisted() { events_->OnPersisted(journal_.generation(), disk_fault_); }

// --- Timers.

void Keeper::BeginTrial(const Generation& generation) {
  marker_->Begin(generation);
  trial_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(ActivationMarker::kTrial));
}

void Keeper::OnTrialEnd() {
  trial_timer_.Cancel();
  marker_->End();
}

void Keeper::OnCompactTimer() {
  if (!journal_.needs_compaction()) return;
  if (state_ != State::kIdle) {
    compact_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(kCompactAfter));
    return;
  }
  if (absl::Status status = journal_.Compact(view_); !status.ok()) {
    OnDiskFault(status);
    TellPersisted();
  }
}

void Keeper::OnDiskTimer() {
  if (!journal_.is_behind()) return;
  disk_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(kRetryDisk));
  if (directory_.HasRoomFor(2 * journal_.bytes() + kRoomToSpare)) {
    events_->OnResync(absl::StrCat("the journal is to be written anew: ", disk_fault_));
  }
}

}  // namespace sluice::sync
