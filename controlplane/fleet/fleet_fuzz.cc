// Whatever proxies say, in whatever order, the fleet goes on.
//
// An input is a script: operations of one byte, some with arguments. Three streams take part; they
// behave well or say any bytes.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/digest.h"
#include "base/log.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/fleet/view/update.h"
#include "controlplane/store/ledger.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::fleet {
namespace {

// Keeps what it was sent last.
class Link final : public ProxyLink {
 public:
  const std::string& peer() const override { return peer_; }
  void Send(std::shared_ptr<const Update> update) override {
    if (update->messages.empty()) std::abort();
    last_ = std::move(update);
  }
  void Send(const v1::ControlMessage& message) override { message.SerializeAsString(); }
  void Close(absl::Status why) override { is_closed_ = true; }

  bool is_closed() const { return is_closed_; }
  const Update* last() const { return last_.get(); }

 private:
  const std::string peer_ = "127.0.0.1:1";
  std::shared_ptr<const Update> last_;
  bool is_closed_ = false;
};

// One store for all inputs: opening it costs more than they do.
struct World {
  store::TempDir dir;
  ManualClock clock;
  std::unique_ptr<store::SqliteStore> store = *store::SqliteStore::Open(dir.path(), {});
  std::unique_ptr<store::Ledger> ledger = *store::Ledger::Open(*store, clock);
};

class Script {
 public:
  Script(World& world, absl::string_view bytes)
      : world_(world), bytes_(bytes), loop_(world.clock), fleet_(*world.ledger, loop_, {}) {
    if (!fleet_.Start().ok()) std::abort();
  }
  ~Script() {
    loop_.PostAndWait([this] {
      fleet_.Shutdown();
      for (size_t i = 0; i < kLinks; ++i) Drop(i);
    });
    loop_.Stop();
  }

  void Run() {
    for (int steps = 0; steps < 200 && !bytes_.empty(); ++steps) {
      const uint8_t operation = Byte();
      // Commits reach the fleet on a thread of their own.
      if (operation % 8 == 7) {
        Commit(operation);
      } else {
        loop_.PostAndWait([this, operation] { Step(operation); });
      }
    }
  }

 private:
  static constexpr size_t kLinks = 3;

  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }

  void Step(uint8_t operation) {
    const size_t i = operation / 8 % kLinks;
    if (links_[i] == nullptr || links_[i]->is_closed()) {
      Drop(i);
      links_[i] = std::make_unique<Link>();
    }
    switch (operation % 8) {
      case 0:
        return SayBytes(*links_[i]);
      case 1:
        return SayHello(*links_[i]);
      case 2:
        return SayStatus(*links_[i], v1::Status::ACTIVE);
      case 3:
        return SayStatus(*links_[i], v1::Status::REJECTED);
      case 4:
        return SayReport(*links_[i]);
      case 5:
        return Drop(i);
      default:
        world_.clock.Advance(absl::Seconds(Byte()));
    }
  }

  void SayBytes(Link& link) {
    const size_t size = std::min<size_t>(Byte() | (Byte() << 8), bytes_.size());
    v1::ProxyMessage message;
    const bool is_message = message.ParseFromArray(bytes_.data(), static_cast<int>(size));
    bytes_.remove_prefix(size);
    if (is_message) fleet_.OnMessage(link, std::move(message));
  }

  void SayHello(Link& link) {
    const uint8_t choice = Byte();
    v1::ProxyMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_node(std::string(1, static_cast<char>('a' + choice % 2)));
    hello.set_schema(1);
    hello.set_started_at_ns(choice / 2 % 4);
    if (choice & 16) hello.add_groups("edge");
    if (link.last() != nullptr) *hello.mutable_active() = ToProto(link.last()->step.to);
    fleet_.OnMessage(link, std::move(message));
  }

  void SayStatus(Link& link, v1::Status::Phase phase) {
    v1::ProxyMessage message;
    message.mutable_status()->set_phase(phase);
    if (link.last() != nullptr) {
      *message.mutable_status()->mutable_generation() = ToProto(link.last()->step.to);
    }
    fleet_.OnMessage(link, std::move(message));
  }

  void SayReport(Link& link) {
    v1::ProxyMessage message;
    if (link.last() != nullptr && link.last()->step.from.has_value()) {
      *message.mutable_report()->mutable_active() = ToProto(*link.last()->step.from);
    }
    fleet_.OnMessage(link, std::move(message));
  }

  void Drop(size_t i) {
    if (links_[i] == nullptr) return;
    fleet_.OnClosed(*links_[i]);
    links_[i].reset();
  }

  void Commit(uint8_t operation) {
    if (++commits_ > 4) return;
    v1::Resource rule;
    rule.set_name("rule");
    rule.set_description(std::string(1, static_cast<char>('a' + operation % 16)));
    rule.mutable_global_rule()->add_groups(operation & 128 ? "edge" : "core");
    const uint64_t expected = world_.ledger->state()->head.configuration;
    const auto done =
        world_.ledger->Commit({{resource::KeyOf(rule), resource::Serialise(rule)}}, {}, expected);
    if (!done.ok()) std::abort();
  }

  World& world_;
  absl::string_view bytes_;
  int commits_ = 0;
  std::unique_ptr<Link> links_[kLinks];
  loop::Loop loop_;
  Fleet fleet_;
};

}  // namespace
}  // namespace sluice::fleet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& world = *new sluice::fleet::World();
  sluice::SetLogLevel(sluice::LogLevel::kError);
  sluice::fleet::Script script(world, {reinterpret_cast<const char*>(data), size});
  script.Run();
  return 0;
}
