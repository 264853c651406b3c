// Last-known-good on disk: the view that is served and the one before it, as an append-only file of
// checksummed steps.
//
// A step is appended after it was applied, without fsync: what a power loss takes from the tail is
// fetched from the control plane again. When a quarter of the file is waste, it is written anew
// from the records that are still needed; that is synced before it takes the old one's place.
// docs/decisions/journal.md has the format byte by byte, and what follows from each kind of damage.
//
// Thread: one, the build thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/sync/held_view.h"
#include "proxy/sync/journal_format.h"
#include "proxy/sync/record.h"
#include "proxy/sync/state_directory.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

class Journal {
 public:
  // What the disk holds, as the change that leads to it from nothing.
  struct Content {
    ViewChange change;              // Sorted.
    HeldView::Locations locations;  // As HeldView::Adopt() takes them.
  };

  explicit Journal(const StateDirectory& directory) : directory_(directory) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Reads the file. Damage and an interrupted write cost steps from the first bad record on, which
  // are cut off. `unwanted`: a view hash; if the last view has it and there is one before, that is
  // taken and the last one forgotten. Nothing if the file holds no view. Fails only if the file
  // cannot be opened.
  absl::StatusOr<std::optional<Content>> Load(const std::string& unwanted);
  // What was loaded cannot be used: nothing is appended to it, Rewrite() replaces it.
  void Distrust();

  // Appends what leads from `view` to the change's generation. Gives the new records' locations.
  // After an error the file is as it was, or is_behind().
  absl::StatusOr<HeldView::Locations> Append(const ViewChange& change, const HeldView& view);

  // Replaces the file by one that holds `change`, which leads from nothing to its generation.
  absl::StatusOr<HeldView::Locations> Rewrite(const ViewChange& change);

  // Whether a quarter of the file is of no use any more.
  bool needs_compaction() const;
  // Writes the file anew. After an error it is as it was.
  absl::Status Compact(HeldView& view);

  // What the disk holds.
  std::optional<Generation> generation() const {
    return head_.has_value() ? std::optional<Generation>(head_->generation) : std::nullopt;
  }
  // An error kept a step from the disk: nothing can be appended until Rewrite().
  bool is_behind() const { return is_behind_; }
  uint64_t bytes() const { return end_; }

 private:
  // Object key and record of what the last step replaced or removed: the view before it needs it.
  // Bytes 0: the object was not there.
  using Undo = std::vector<std::pair<std::string, Location>>;
  class Copier;
  struct Plan;

  absl::Status Open();
  absl::Status StartFile();
  Plan PlanOf(const HeldView& view) const;
  absl::Status WriteAnew(Plan& plan, const HeldView& view, RecordWriter& writer);
  void Cut(uint64_t end);
  Undo UndoOf(const ViewChange& change, const HeldView& view) const;
  void Count(const HeldView::Locations& locations);
  // Puts a new file, written but for its last bytes, in the place of the old one.
  absl::Status Install(int fd, RecordWriter& writer);

  const StateDirectory& directory_;
  int fd_ = -1;
  uint64_t end_ = 0;  // Of the last whole step.
  std::optional<StepHead> head_;

  // Of the view before the last step that changed content.
  std::optional<StepHead> previous_;
  Undo undo_;

  // Bytes of records that the views need: the present one, and what the one before has besides.
  uint64_t current_bytes_ = 0;
  uint64_t undo_bytes_ = 0;
  // A file of that size is not written anew: it failed at a size not much smaller.
  uint64_t too_early_ = 0;
  bool is_behind_ = false;
};

}  // namespace sluice::sync
