// What a proxy makes of updates: the content that it would hold.
//
// Fails the test where an update does not apply strictly: another base, an upsert or removal that
// changes nothing, a hash that does not agree.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "api/resource/endpoint_traits.h"
#include "api/resource/key.h"
#include "controlplane/fleet/view/generation.h"
#include "controlplane/fleet/view/update.h"

namespace google::protobuf {
class MessageLite;
}

namespace sluice::v1 {
class Update;
class UpdateEntry;
}  // namespace sluice::v1

namespace sluice::fleet {

bool Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message);

class Replica {
 public:
  // Applies a whole update and returns the number of its entries.
  size_t Apply(const Update& update);

  // Takes a part; after the last one it is applied. True if it was the last.
  bool Take(const v1::Update& part);

  // Unset before the first update.
  const std::optional<Generation>& generation() const { return generation_; }

  // Serialised resources.
  const std::map<resource::Key, std::string>& resources() const { return resources_; }

  // By "UPSTREAM OWNER ADDRESS".
  const std::map<std::string, resource::EndpointTraits>& endpoints() const { return endpoints_; }

  // Ticket keys by listener.
  const std::map<std::string, std::string>& tickets() const { return tickets_; }

  // Computed from what is held.
  std::string Hash() const;

  // Of the last update: entries, and whether it was full.
  size_t entries() const { return entries_; }
  bool was_full() const { return was_full_; }

 private:
  void Finish();
  void ApplyEntry(const v1::UpdateEntry& entry);

  std::optional<Generation> generation_;
  std::map<resource::Key, std::string> resources_;
  std::map<std::string, resource::EndpointTraits> endpoints_;
  std::map<std::string, std::string> tickets_;
  size_t entries_ = 0;
  bool was_full_ = false;

  // Of the update under way.
  bool is_under_way_ = false;
  Generation to_;
  std::string stream_;
};

}  // namespace sluice::fleet
