#include "proxy/sync/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "base/log.h"
#include "proxy/sync/journal_loader.h"

namespace sluice::sync {
namespace {

constexpr absl::string_view kFile = "journal";
constexpr absl::string_view kNewFile = "journal.new";
constexpr absl::string_view kDamagedFile = "journal.damaged";

// Below it, waste is not worth a rewrite.
constexpr uint64_t kLittleWaste = 64 * 1024;

uint8_t TypeOf(RecordType type) { return static_cast<uint8_t>(type); }

void WriteBegin(const StepHead& head, bool is_from_nothing, RecordWriter& writer) {
  const char flag = is_from_nothing ? 1 : 0;
  writer.Add(TypeOf(RecordType::kBegin), {EncodeHead(head), absl::string_view(&flag, 1)});
}

void WriteCommit(uint64_t count, RecordWriter& writer) {
  std::string payload;
  PutNumber(count, 4, payload);
  writer.Add(TypeOf(RecordType::kCommit), {payload});
}

Location WriteUpsert(absl::string_view digest, absl::string_view object_key,
                     absl::string_view content, RecordWriter& writer) {
  std::string key_size;
  PutNumber(object_key.size(), 2, key_size);
  return writer.Add(TypeOf(RecordType::kUpsert), {digest, key_size, object_key, content});
}

StepHead HeadOf(const ViewChange& change) {
  return {change.generation, change.schema, change.committed_at};
}

HeldView::Locations WriteStep(const ViewChange& change, bool is_from_nothing,
                              RecordWriter& writer) {
  HeldView::Locations locations;
  locations.reserve(HeldView::NowhereFor(change).size());
  WriteBegin(HeadOf(change), is_from_nothing, writer);
  for (const ViewChange::Upsert& upsert : change.upserts) {
    locations.push_back(
        WriteUpsert(upsert.digest, resource::ObjectKey(upsert.key), upsert.bytes, writer));
  }
  for (const RegisteredEndpoint& endpoint : change.endpoint_upserts) {
    locations.push_back(WriteUpsert(DigestOf(endpoint), ObjectKeyOf(endpoint),
                                    EncodeEndpoint(endpoint.traits), writer));
  }
  for (const TicketKeys& tickets : change.ticket_upserts) {
    locations.push_back(WriteUpsert(DigestOf(tickets), ObjectKeyOf(tickets), tickets.keys, writer));
  }
  for (const resource::Key& key : change.removals) {
    writer.Add(TypeOf(RecordType::kRemove), {resource::ObjectKey(key)});
  }
  for (const RegisteredEndpoint& endpoint : change.endpoint_removals) {
    writer.Add(TypeOf(RecordType::kRemove), {ObjectKeyOf(endpoint)});
  }
  for (const TicketKeys& tickets : change.ticket_removals) {
    writer.Add(TypeOf(RecordType::kRemove), {ObjectKeyOf(tickets)});
  }
  WriteCommit(locations.size() + change.removals.size() + change.endpoint_removals.size() +
                  change.ticket_removals.size(),
              writer);
  return locations;
}

// What `loader` holds, as a change from nothing; takes the content out of it.
Journal::Content MakeContent(JournalLoader& loader) {
  std::vector<std::pair<std::string, JournalLoader::Object>> objects;
  objects.reserve(loader.objects().size());
  for (auto& [key, object] : loader.objects()) objects.emplace_back(key, std::move(object));
  std::sort(objects.begin(), objects.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Journal::Content content;
  content.change.generation = loader.head()->generation;
  content.change.schema = loader.head()->schema;
  content.change.committed_at = loader.head()->committed_at;
  HeldView::Locations endpoints;
  HeldView::Locations tickets;
  for (auto& [key, object] : objects) {
    std::optional<ObjectName> name = ParseObjectKey(key);
    if (name->resource.has_value()) {
      content.change.upserts.push_back(
          {*std::move(name->resource), std::move(object.content), std::move(object.digest)});
      content.locations.push_back(object.location);
    } else if (name->tickets.has_value()) {
      name->tickets->keys = std::move(object.content);
      content.change.ticket_upserts.push_back(*std::move(name->tickets));
      tickets.push_back(object.location);
    } else {
      name->endpoint->traits = *DecodeEndpoint(object.content);
      content.change.endpoint_upserts.push_back(*std::move(name->endpoint));
      endpoints.push_back(object.location);
    }
  }
  content.locations.insert(content.locations.end(), endpoints.begin(), endpoints.end());
  content.locations.insert(content.locations.end(), tickets.begin(), tickets.end());
  return content;
}

}  // namespace

// Copies records from one file to another, in the order in which they lie, and checks them.
class Journal::Copier {
 public:
  // `to`: where the record's new place is noted.
  struct Item {
    Location from;
    Location* to;
  };

  Copier(int from, RecordWriter& writer) : from_(from), writer_(writer) {}

  absl::Status Copy(std::vector<Item>& items) {
    std::sort(items.begin(), items.end(),
              [](const Item& a, const Item& b) { return a.from.offset < b.from.offset; });
    RecordReader reader(from_, 0);
    for (const Item& item : items) {
      reader.SeekForward(item.from.offset);
      Record record;
      if (reader.Next(record) != RecordReader::Result::kRecord ||
          record.location.bytes != item.from.bytes) {
        return absl::DataLossError(
            absl::StrCat("journal: the record at ", item.from.offset, " is damaged"));
      }
      *item.to = writer_.Add(record.type, {record.payload});
    }
    return absl::OkStatus();
  }

 private:
  const int from_;
  RecordWriter& writer_;
};

// Which records a compacted file holds: those of the view before, then those of the step to the
// present one, so that there still is one to go back to.
struct Journal::Plan {
  std::vector<std::pair<const std::string*, Location>> current;  // Object keys and new places.
  std::vector<Location> undo_to;                                 // New places of undo_.
  std::vector<Copier::Item> base;
  std::vector<Copier::Item> step;
};

Journal::~Journal() {
  if (fd_ >= 0) close(fd_);
}

// --- Reading.

absl::Status Journal::StartFile() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  absl::StatusOr<int> fd = directory_.OpenFile(kFile, O_RDWR | O_CREAT | O_TRUNC);
  if (!fd.ok()) return fd.status();
  fd_ = *fd;
  RecordWriter writer(fd_, 0);
  writer.AddRaw(kJournalMagic);
  end_ = writer.offset();
  return writer.Flush();
}

absl::Status Journal::Open() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  absl::StatusOr<int> fd = directory_.OpenFile(kFile, O_RDWR | O_CREAT);
  if (!fd.ok()) return fd.status();
  fd_ = *fd;
  RecordReader reader(fd_, 0);
  absl::string_view magic;
  if (reader.TakeRaw(kJournalMagic.size(), magic) && magic == kJournalMagic) {
    return absl::OkStatus();
  }
  struct stat file;
  if (fstat(fd_, &file) == 0 && file.st_size > 0) {
    LOG(WARNING) << directory_.path() << "/" << kFile << " is not a journal of this build; kept as "
                 << kDamagedFile;
    directory_.Rename(kFile, kDamagedFile).IgnoreError();
  }
  return StartFile();
}

void Journal::Cut(uint64_t end) {
  struct stat file;
  if (fstat(fd_, &file) == 0 && static_cast<uint64_t>(file.st_size) > end) {
    LOG(WARNING) << directory_.path() << "/" << kFile << ": " << file.st_size - end
                 << " bytes behind the last whole step are dropped";
    if (ftruncate(fd_, static_cast<off_t>(end)) != 0) {
      LOG(WARNING) << FileError(directory_, kFile);
    }
  }
  end_ = end;
}

absl::StatusOr<std::optional<Journal::Content>> Journal::Load(const std::string& unwanted) {
  if (absl::Status status = Open(); !status.ok()) return status;
  RecordReader reader(fd_, kJournalMagic.size());
  JournalLoader loader;
  loader.Replay(reader);
  if (!loader.head().has_value()) {
    Cut(kJournalMagic.size());
    return std::optional<Content>();
  }
  if (loader.head()->generation.view_hash == unwanted) loader.StepBack();
  Cut(loader.end());
  head_ = loader.head();
  previous_ = loader.previous();
  for (const auto& [key, object] : loader.undo()) {
    const Location location = object.has_value() ? object->location : Location();
    undo_bytes_ += location.bytes;
    undo_.emplace_back(key, location);
  }
  Content content = MakeContent(loader);
  Count(content.locations);
  return std::optional<Content>(std::move(content));
}

void Journal::Count(const HeldView::Locations& locations) {
  current_bytes_ = 0;
  for (const Location& location : locations) current_bytes_ += location.bytes;
}

void Journal::Distrust() {
  head_.reset();
  previous_.reset();
  undo_.clear();
  is_behind_ = true;
}

// --- Appending.

Journal::Undo Journal::UndoOf(const ViewChange& change, const HeldView& view) const {
  Undo undo;
  const auto add = [&](std::string key) {
    const Location* before = view.Find(key);
    undo.emplace_back(std::move(key), before == nullptr ? Location() : *before);
  };
  for (const ViewChange::Upsert& upsert : change.upserts) add(resource::ObjectKey(upsert.key));
  for (const RegisteredEndpoint& endpoint : change.endpoint_upserts) add(ObjectKeyOf(endpoint));
  for (const resource::Key& key : change.removals) add(resource::ObjectKey(key));
  for (const RegisteredEndpoint& endpoint : change.endpoint_removals) add(ObjectKeyOf(endpoint));
  for (const TicketKeys& tickets : change.ticket_upserts) add(ObjectKeyOf(tickets));
  for (const TicketKeys& tickets : change.ticket_removals) add(ObjectKeyOf(tickets));
  return undo;
}

absl::StatusOr<HeldView::Locations> Journal::Append(const ViewChange& change,
                                                    const HeldView& view) {
  if (is_behind_)
    return absl::FailedPreconditionError("journal: a step before this one is missing");
  RecordWriter writer(fd_, end_);
  HeldView::Locations locations;
  const bool is_renumbering = change.is_empty() && head_.has_value();
  if (is_renumbering) {
    writer.Add(TypeOf(RecordType::kRenumber), {EncodeHead(HeadOf(change))});
  } else {
    locations = WriteStep(change, /*is_from_nothing=*/!head_.has_value(), writer);
  }
  if (absl::Status status = writer.Flush(); !status.ok()) {
    is_behind_ = true;
    Cut(end_);
    return status;
  }
  end_ = writer.offset();
  if (is_renumbering) {
    head_ = HeadOf(change);
    return locations;
  }
  undo_ = head_.has_value() ? UndoOf(change, view) : Undo();
  undo_bytes_ = 0;
  for (const auto& [key, location] : undo_) undo_bytes_ += location.bytes;
  for (const Location& location : locations) current_bytes_ += location.bytes;
  current_bytes_ -= undo_bytes_;
  previous_ = std::exchange(head_, HeadOf(change));
  return locations;
}

// --- Writing anew.

bool Journal::needs_compaction() const {
  const uint64_t waste = end_ - std::min(end_, current_bytes_ + undo_bytes_);
  return !is_behind_ && end_ > too_early_ && waste > std::max(end_ / 4, kLittleWaste);
}

absl::Status Journal::Install(int fd, RecordWriter& writer) {
  absl::Status status = writer.Flush();
  // Without it a power loss could leave an empty file where the last-known-good was.
  if (status.ok() && fdatasync(fd) != 0) status = FileError(directory_, kNewFile);
  if (status.ok()) status = directory_.Rename(kNewFile, kFile);
  if (!status.ok()) {
    close(fd);
    directory_.Remove(kNewFile);
    return status;
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  end_ = writer.offset();
  return absl::OkStatus();
}

absl::StatusOr<HeldView::Locations> Journal::Rewrite(const ViewChange& change) {
  absl::StatusOr<int> fd = directory_.OpenFile(kNewFile, O_RDWR | O_CREAT | O_TRUNC);
  if (!fd.ok()) return fd.status();
  RecordWriter writer(*fd, 0);
  writer.AddRaw(kJournalMagic);
  HeldView::Locations locations = WriteStep(change, /*is_from_nothing=*/true, writer);
  if (absl::Status status = Install(*fd, writer); !status.ok()) return status;
  head_ = HeadOf(change);
  previous_.reset();
  undo_.clear();
  undo_bytes_ = 0;
  Count(locations);
  is_behind_ = false;
  return locations;
}

Journal::Plan Journal::PlanOf(const HeldView& view) const {
  Plan plan;
  absl::flat_hash_set<absl::string_view> undone;
  for (const auto& [key, location] : undo_) undone.insert(key);
  plan.undo_to.resize(undo_.size());
  plan.current.reserve(view.objects().size());
  for (const auto& [key, location] : view.objects()) plan.current.emplace_back(&key, Location());
  for (auto& [key, to] : plan.current) {
    (undone.contains(*key) ? plan.step : plan.base).push_back({*view.Find(*key), &to});
  }
  for (size_t i = 0; i < undo_.size(); ++i) {
    if (undo_[i].second.bytes > 0) plan.base.push_back({undo_[i].second, &plan.undo_to[i]});
  }
  return plan;
}

absl::Status Journal::WriteAnew(Plan& plan, const HeldView& view, RecordWriter& writer) {
  Copier copier(fd_, writer);
  writer.AddRaw(kJournalMagic);
  WriteBegin(previous_.has_value() ? *previous_ : *head_, /*is_from_nothing=*/true, writer);
  if (absl::Status status = copier.Copy(plan.base); !status.ok()) return status;
  WriteCommit(plan.base.size(), writer);
  if (!previous_.has_value()) return absl::OkStatus();
  WriteBegin(*head_, /*is_from_nothing=*/false, writer);
  if (absl::Status status = copier.Copy(plan.step); !status.ok()) return status;
  uint64_t removals = 0;
  for (const auto& [key, location] : undo_) {
    if (view.Find(key) != nullptr) continue;
    writer.Add(TypeOf(RecordType::kRemove), {key});
    ++removals;
  }
  WriteCommit(plan.step.size() + removals, writer);
  return absl::OkStatus();
}

absl::Status Journal::Compact(HeldView& view) {
  absl::StatusOr<int> fd = directory_.OpenFile(kNewFile, O_RDWR | O_CREAT | O_TRUNC);
  if (!fd.ok()) return fd.status();
  Plan plan = PlanOf(view);
  RecordWriter writer(*fd, 0);
  if (absl::Status status = WriteAnew(plan, view, writer); !status.ok()) {
    // What cannot be read now could not be read at the next start either.
    close(*fd);
    directory_.Remove(kNewFile);
    is_behind_ = true;
    return status;
  }
  if (absl::Status status = Install(*fd, writer); !status.ok()) {
    too_early_ = end_ + end_ / 8;
    return status;
  }
  for (const auto& [key, to] : plan.current) view.SetLocation(*key, to);
  for (size_t i = 0; i < undo_.size(); ++i) undo_[i].second = plan.undo_to[i];
  return absl::OkStatus();
}

}  // namespace sluice::sync
