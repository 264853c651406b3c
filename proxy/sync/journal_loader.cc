#include "proxy/sync/journal_loader.h"

namespace sluice::sync {

void JournalLoader::Replay(RecordReader& reader) {
  end_ = reader.offset();
  Record record;
  while (reader.Next(record) == RecordReader::Result::kRecord && Take(record)) {
  }
  step_.reset();
}

bool JournalLoader::Take(const Record& record) {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::kBegin:
      return Begin(record);
    case RecordType::kUpsert:
      return Upsert(record);
    case RecordType::kRemove:
      return Remove(record);
    case RecordType::kCommit:
      return Commit(record);
    case RecordType::kRenumber:
      return Renumber(record);
  }
  return false;
}

bool JournalLoader::Begin(const Record& record) {
  absl::string_view payload = record.payload;
  std::optional<StepHead> head = TakeHead(payload);
  if (step_.has_value() || !head.has_value() || payload.size() != 1) return false;
  step_ = Step{*std::move(head), payload[0] == 1, record.location.offset, {}};
  return true;
}

bool JournalLoader::Upsert(const Record& record) {
  const std::optional<UpsertPayload> upsert = ReadUpsert(record.payload);
  if (!step_.has_value() || !upsert.has_value()) return false;
  const std::optional<ObjectName> name = ParseObjectKey(upsert->object_key);
  if (!name.has_value() ||
      (name->endpoint.has_value() && !DecodeEndpoint(upsert->content).has_value()) ||
      (name->tickets.has_value() && !TicketKeys::IsValid(upsert->content))) {
    return false;
  }
  step_->objects.emplace_back(
      std::string(upsert->object_key),
      Object{std::string(upsert->digest), std::string(upsert->content), record.location});
  return true;
}

bool JournalLoader::Remove(const Record& record) {
  if (!step_.has_value()) return false;
  step_->objects.emplace_back(std::string(record.payload), std::nullopt);
  return true;
}

bool JournalLoader::Commit(const Record& record) {
  absl::string_view payload = record.payload;
  uint64_t count = 0;
  if (!step_.has_value() || !TakeNumber(payload, 4, count) || !payload.empty() ||
      count != step_->objects.size()) {
    return false;
  }
  Apply(*std::exchange(step_, std::nullopt));
  end_ = record.location.offset + record.location.bytes;
  return true;
}

bool JournalLoader::Renumber(const Record& record) {
  absl::string_view payload = record.payload;
  std::optional<StepHead> head = TakeHead(payload);
  if (step_.has_value() || !head.has_value() || !payload.empty()) return false;
  head_ = std::move(head);
  end_ = record.location.offset + record.location.bytes;
  return true;
}

void JournalLoader::Apply(Step step) {
  undo_.clear();
  if (step.is_from_nothing) {
    objects_.clear();
    head_.reset();
  }
  for (auto& [key, object] : step.objects) {
    const auto it = objects_.find(key);
    std::optional<Object> before;
    if (it != objects_.end()) before = std::move(it->second);
    if (object.has_value()) {
      objects_[key] = *std::move(object);
    } else if (it != objects_.end()) {
      objects_.erase(it);
    }
    if (head_.has_value()) undo_.emplace_back(std::move(key), std::move(before));
  }
  previous_ = std::exchange(head_, std::move(step.head));
  step_begin_ = step.begin;
}

bool JournalLoader::StepBack() {
  if (!previous_.has_value()) return false;
  // Backwards: a step that names an object twice is undone in the right order too.
  for (auto it = undo_.rbegin(); it != undo_.rend(); ++it) {
    if (it->second.has_value()) {
      objects_[it->first] = *std::move(it->second);
    } else {
      objects_.erase(it->first);
    }
  }
  head_ = std::exchange(previous_, std::nullopt);
  undo_.clear();
  end_ = step_begin_;
  return true;
}

}  // namespace sluice::sync
