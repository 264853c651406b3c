#include "controlplane/store/testing/commit_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "base/status_macros.h"

namespace sluice::store {

std::shared_ptr<const StoredResource> MakeResource(const std::string& name,
                                                   const std::string& bytes, uint64_t changed_in) {
  const resource::Key key{resource::Kind::kRoute, "", name};
  return std::make_shared<const StoredResource>(
      StoredResource{key, bytes, resource::Digest(key, bytes), changed_in});
}

std::shared_ptr<const StoredEndpoint> MakeEndpoint(const std::string& upstream,
                                                   const std::string& address,
                                                   resource::EndpointTraits traits) {
  return std::make_shared<const StoredEndpoint>(
      StoredEndpoint{upstream, "nomad", address, std::move(traits), absl::Seconds(30)});
}

std::map<std::string, std::string> Flat(const Content& content) {
  std::map<std::string, std::string> flat;
  for (const auto& r : content.resources) flat[r->key.ToString()] = r->bytes;
  for (const auto& e : content.endpoints) {
    flat[absl::StrCat(e->upstream, " ", e->owner, " ", e->address)] =
        absl::StrCat(e->traits.weight, e->traits.zone);
  }
  if (content.tickets != nullptr) flat["tickets"] = content.tickets->bytes;
  return flat;
}

absl::Status CommitWriter::Commit(const std::map<std::string, std::string>& routes,
                                  CommitMeta meta) {
  ASSIGN_OR_RETURN(const Content content, store_.Load());
  std::map<std::string, std::shared_ptr<const StoredResource>> present;
  for (const auto& resource : content.resources) present[resource->key.name] = resource;
  NewCommit commit;
  for (const auto& [name, bytes] : routes) {
    ResourceChange change{present[name], nullptr};
    if (!bytes.empty()) {
      change.after = MakeResource(name, bytes, content.head.generation.number + 1);
    }
    if (change.before != nullptr || change.after != nullptr) commit.resources.push_back(change);
  }
  return Write(content, std::move(commit), std::move(meta));
}

absl::Status CommitWriter::Register(const std::map<std::string, uint32_t>& addresses) {
  std::map<std::string, resource::EndpointTraits> traits;
  for (const auto& [address, weight] : addresses) traits[address].weight = weight;
  return WriteEndpoints(traits);
}

absl::Status CommitWriter::Register(const std::string& address,
                                    const resource::EndpointTraits& traits) {
  return WriteEndpoints({{address, traits}});
}

absl::Status CommitWriter::WriteEndpoints(
    const std::map<std::string, resource::EndpointTraits>& addresses) {
  ASSIGN_OR_RETURN(const Content content, store_.Load());
  std::map<std::string, std::shared_ptr<const StoredEndpoint>> present;
  for (const auto& endpoint : content.endpoints) present[endpoint->address] = endpoint;
  NewCommit commit;
  for (const auto& [address, traits] : addresses) {
    EndpointChange change{present[address], nullptr};
    if (traits.weight != 0) change.after = MakeEndpoint("orders", address, traits);
    commit.endpoints.push_back(change);
  }
  CommitMeta meta;
  meta.origin = Origin::kEndpoints;
  return Write(content, std::move(commit), std::move(meta));
}

absl::Status CommitWriter::SetTickets(const std::string& bytes) {
  ASSIGN_OR_RETURN(const Content content, store_.Load());
  NewCommit commit;
  commit.tickets = std::make_shared<const StoredTickets>(
      StoredTickets{bytes, content.head.generation.number + 1});
  CommitMeta meta;
  meta.origin = Origin::kTicketKeys;
  return Write(content, std::move(commit), std::move(meta));
}

absl::Status CommitWriter::Write(const Content& content, NewCommit commit, CommitMeta meta) {
  commit.record.generation = content.head.generation;
  ++commit.record.generation.number;
  commit.record.time =
      absl::FromUnixSeconds(1'700'000'000) + absl::Seconds(commit.record.generation.number);
  commit.record.meta = std::move(meta);
  commit.record.updated = static_cast<uint32_t>(commit.resources.size());
  return store_.Commit(content.head, commit);
}

}  // namespace sluice::store
