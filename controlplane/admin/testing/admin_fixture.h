// A whole admin service over a store of its own, driven with YAML.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/resource/yaml.h"
#include "controlplane/admin/admin_service.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/failing_store.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::admin {

class AdminFixture : public ::testing::Test {
 protected:
  AdminFixture() { Open(); }

  // Closes everything and starts again from what is stored.
  void Open(SkewCheck skew = nullptr) {
    admin_ = nullptr;
    ledger_ = nullptr;
    disk_ = nullptr;
    store_ = nullptr;
    store_ = *store::SqliteStore::Open(dir_.path(), {});
    disk_ = std::make_unique<store::FailingStore>(*store_);
    ledger_ = *store::Ledger::Open(*disk_, clock_);
    admin_ = *AdminService::Open(*ledger_, clock_, std::move(skew));
  }

  static ApplyCall CallOf(const std::string& yaml, v1::ApplyRequest::Options options = {}) {
    resource::ReadOptions read;
    read.file = "test.yaml";
    resource::ReadResult result = resource::ReadYaml(yaml, read);
    EXPECT_TRUE(result.problems.empty()) << resource::ToString(result.problems.front());
    v1::ApplyRequest request;
    *request.mutable_options() = std::move(options);
    for (resource::SourcedResource& sourced : result.resources) {
      v1::ApplyItem& item = *request.add_items();
      *item.mutable_resource() = std::move(sourced.resource);
      item.set_file(sourced.location.file);
      item.set_line(sourced.location.line);
      for (const auto& [field, line] : sourced.location.field_lines) {
        (*item.mutable_field_lines())[field] = line;
      }
    }
    request.set_last(true);
    ApplyCall call;
    EXPECT_TRUE(call.Add(std::move(request)).ok());
    return call;
  }

  absl::StatusOr<v1::ApplyResponse> Apply(const std::string& yaml,
                                          v1::ApplyRequest::Options options = {}) {
    return admin_->Apply(CallOf(yaml, std::move(options)), "10.0.0.9:4711");
  }

  absl::StatusOr<v1::ApplyResponse> Delete(const std::string& kind, const std::string& name,
                                           v1::ApplyRequest::Options options = {}) {
    v1::DeleteRequest request;
    request.add_keys()->set_kind(kind);
    request.mutable_keys(0)->set_name(name);
    *request.mutable_options() = std::move(options);
    return admin_->Delete(request, "10.0.0.9:4711");
  }

  // Everything that is stored, as "Kind/name".
  std::vector<std::string> Stored() const {
    std::vector<std::string> keys;
    for (const auto& stored : ledger_->state()->resources) keys.push_back(stored->key.ToString());
    return keys;
  }

  absl::StatusOr<v1::GetResponse> Get(const std::string& kind, const std::string& name,
                                      uint64_t generation = 0) {
    v1::GetRequest request;
    request.mutable_key()->set_kind(kind);
    request.mutable_key()->set_name(name);
    request.set_generation(generation);
    return admin_->Get(request);
  }

  uint64_t generation() const { return ledger_->state()->head.generation.number; }

  store::TempDir dir_;
  ManualClock clock_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::FailingStore> disk_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<AdminService> admin_;
};

}  // namespace sluice::admin
