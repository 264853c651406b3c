#include "proxy/sync/testing/views.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "api/resource/digest.h"
#include "base/version.h"

namespace sluice::sync {
namespace {

std::string MakeDirectory() {
  const char* base = getenv("TEST_TMPDIR");
  std::string path = std::string(base == nullptr ? "/tmp" : base) + "/sync_XXXXXX";
  return mkdtemp(path.data());
}

}  // namespace

TestDirectory::TestDirectory() : path_(MakeDirectory()) {}

TestDirectory::~TestDirectory() { std::filesystem::remove_all(path_); }

std::string TestDirectory::Read(absl::string_view name) const {
  std::ostringstream text;
  text << std::ifstream(path_ + "/" + std::string(name), std::ios::binary).rdbuf();
  return text.str();
}

void TestDirectory::Write(absl::string_view name, absl::string_view bytes) const {
  std::ofstream(path_ + "/" + std::string(name), std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string TestStoreId(char fill) { return std::string(kStoreIdBytes, fill); }

resource::Key TestRouteKey(const std::string& name) { return {resource::Kind::kRoute, "", name}; }

ViewChange::Upsert TestRoute(const std::string& name, const std::string& bytes) {
  return {TestRouteKey(name), bytes, resource::Digest(TestRouteKey(name), bytes)};
}

ViewChange TestView::Apply(std::vector<ViewChange::Upsert> upserts,
                           std::vector<resource::Key> removals,
                           std::vector<RegisteredEndpoint> endpoint_upserts,
                           std::vector<RegisteredEndpoint> endpoint_removals) {
  for (const auto& upsert : upserts) hash_.Upsert(resource::ObjectKey(upsert.key), upsert.digest);
  for (const auto& key : removals) hash_.Remove(resource::ObjectKey(key));
  for (const auto& endpoint : endpoint_upserts) {
    hash_.Upsert(ObjectKeyOf(endpoint), DigestOf(endpoint));
  }
  for (const auto& endpoint : endpoint_removals) hash_.Remove(ObjectKeyOf(endpoint));
  if (generation.store_id.empty()) generation.store_id = TestStoreId();
  if (generation.epoch == 0) generation.epoch = 1;
  ++generation.number;
  generation.view_hash = hash_.Hash();
  ViewChange change;
  change.generation = generation;
  // The documented journal must not change with every new field of the contract.
  change.schema = 1;
  change.committed_at = absl::FromUnixSeconds(1'700'000'000);
  change.upserts = std::move(upserts);
  change.removals = std::move(removals);
  change.endpoint_upserts = std::move(endpoint_upserts);
  change.endpoint_removals = std::move(endpoint_removals);
  return change;
}

ViewChange TestView::Give(const TicketKeys& tickets) {
  hash_.Upsert(ObjectKeyOf(tickets), DigestOf(tickets));
  ViewChange change = Renumber();
  change.ticket_upserts = {tickets};
  return change;
}

ViewChange TestView::TakeBack(const std::string& listener) {
  hash_.Remove(ObjectKeyOf(TicketKeys{listener, ""}));
  ViewChange change = Renumber();
  change.ticket_removals = {{listener, ""}};
  return change;
}

}  // namespace sluice::sync
