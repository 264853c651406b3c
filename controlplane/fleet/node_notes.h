// Writes what is remembered of proxies, behind the fleet's back.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/loop/loop.h"
#include "controlplane/store/ledger.h"

namespace sluice::fleet {

// The fleet marks whose note is out of date; one write at a time brings all of them up to date, so
// that a thousand proxies that come at once cost a few writes. A control plane that is killed loses
// what was marked in the last moments: a node not listed until it comes back, a rejected content
// that is tried once more.
//
// Thread: the fleet's loop, but for the destructor: after both loops have stopped.
// Lifetime: everything given to it outlives it.
class NodeNotes {
 public:
  // The bytes of a node's note as it stands; empty: nothing is to be remembered of it.
  using Describe = std::function<std::string(const std::string& node)>;

  NodeNotes(store::Ledger& ledger, loop::Loop& loop, loop::Loop& disk, Describe describe)
      : ledger_(ledger), loop_(loop), disk_(disk), describe_(std::move(describe)) {}
  // Writes what is left.
  ~NodeNotes();
  NodeNotes(const NodeNotes&) = delete;
  NodeNotes& operator=(const NodeNotes&) = delete;

  void Mark(const std::string& node);

  // Marks it, and calls back when its note is written as it then stands, or could not be: then it
  // is tried again, as all are.
  using OnWritten = std::function<void(const absl::Status& status)>;
  void Write(const std::string& node, OnWritten on_written);

  // Tries again what could not be written. For a timer.
  void Retry() { WriteMarked(); }

 private:
  void WriteMarked();
  void EndWrite(const std::vector<store::ProxyNote>& notes, const absl::Status& status);
  std::vector<store::ProxyNote> TakeMarked();

  store::Ledger& ledger_;
  loop::Loop& loop_;
  loop::Loop& disk_;
  const Describe describe_;

  std::set<std::string> marked_;
  std::multimap<std::string, OnWritten> waiting_;  // For the marked.
  std::vector<OnWritten> answered_next_;           // For what is being written.
  bool is_writing_ = false;
  bool is_failing_ = false;  // The last write did; the log knows.
};

}  // namespace sluice::fleet
