#include "controlplane/fleet/node_notes.h"

#include <memory>
#include <utility>

#include "base/log.h"

namespace sluice::fleet {
namespace {

// Describing them takes the fleet's time, some 10 us each.
constexpr size_t kMostAtOnce = 500;

}  // namespace

NodeNotes::~NodeNotes() {
  while (!marked_.empty()) {
    absl::Status status = ledger_.WriteProxyNotes(TakeMarked());
    if (!status.ok()) {
      LOG(WARNING) << "cannot remember proxies: " << status.message();
    }
  }
}

void NodeNotes::Mark(const std::string& node) {
  marked_.insert(node);
  // Until then what else this turn of the loop marks goes along.
  if (marked_.size() == 1 && !is_writing_) loop_.Post([this] { WriteMarked(); });
}

void NodeNotes::Write(const std::string& node, OnWritten on_written) {
  waiting_.emplace(node, std::move(on_written));
  Mark(node);
}

std::vector<store::ProxyNote> NodeNotes::TakeMarked() {
  std::vector<store::ProxyNote> notes;
  while (!marked_.empty() && notes.size() < kMostAtOnce) {
    const std::string node = std::move(marked_.extract(marked_.begin()).value());
    const auto [first, last] = waiting_.equal_range(node);
    for (auto it = first; it != last; ++it) answered_next_.push_back(std::move(it->second));
    waiting_.erase(first, last);
    notes.push_back({node, describe_(node)});
  }
  return notes;
}

void NodeNotes::WriteMarked() {
  if (is_writing_ || marked_.empty()) return;
  is_writing_ = true;
  disk_.Post([this, notes = TakeMarked()] {
    absl::Status status = ledger_.WriteProxyNotes(notes);
    loop_.Post([this, notes, status = std::move(status)] { EndWrite(notes, status); });
  });
}

void NodeNotes::EndWrite(const std::vector<store::ProxyNote>& notes, const absl::Status& status) {
  is_writing_ = false;
  for (const OnWritten& on_written : std::exchange(answered_next_, {})) on_written(status);
  if (status.ok()) {
    is_failing_ = false;
    return WriteMarked();
  }
  if (!std::exchange(is_failing_, true)) {
    LOG(WARNING) << "cannot remember proxies: " << status.message();
  }
  for (const store::ProxyNote& note : notes) marked_.insert(note.node);
}

}  // namespace sluice::fleet
