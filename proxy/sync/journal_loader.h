// Replays the steps of a journal. Internal to Journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/sync/journal_format.h"
#include "proxy/sync/record.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

class JournalLoader {
 public:
  struct Object {
    std::string digest;
    std::string content;
    Location location;
  };
  // What the last step replaced or removed; nothing: the object was not there.
  using Undo = std::vector<std::pair<std::string, std::optional<Object>>>;

  // Takes records up to the end or the first that makes no sense. A step counts once it is whole.
  void Replay(RecordReader& reader);

  // Goes back to before the last step that changed content; false if the file does not hold that.
  bool StepBack();

  // Of the last whole step.
  const std::optional<StepHead>& head() const { return head_; }
  uint64_t end() const { return end_; }
  const absl::flat_hash_map<std::string, Object>& objects() const { return objects_; }
  absl::flat_hash_map<std::string, Object>& objects() { return objects_; }
  // Of the view before it.
  const std::optional<StepHead>& previous() const { return previous_; }
  const Undo& undo() const { return undo_; }

 private:
  struct Step {
    StepHead head;
    bool is_from_nothing = false;
    uint64_t begin = 0;
    Undo objects;  // What becomes of each.
  };

  // False if the record has no place here.
  bool Take(const Record& record);
  bool Begin(const Record& record);
  bool Upsert(const Record& record);
  bool Remove(const Record& record);
  bool Commit(const Record& record);
  bool Renumber(const Record& record);
  void Apply(Step step);

  std::optional<StepHead> head_;
  absl::flat_hash_map<std::string, Object> objects_;
  std::optional<StepHead> previous_;
  Undo undo_;
  uint64_t step_begin_ = 0;  // Of the last step that changed content.
  uint64_t end_ = 0;
  std::optional<Step> step_;  // Not whole yet.
};

}  // namespace sluice::sync
