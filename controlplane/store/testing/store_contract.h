// What every back end of Store has to do, as tests. A back end instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, ::testing::Values(&MakeSqlite));
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

#include "controlplane/store/store.h"

namespace sluice::store {

// One store, which can be closed and opened again.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual Store& store() = 0;
  virtual void Reopen() = 0;
};

using MakeStore = std::unique_ptr<StoreUnderTest> (*)(uint64_t history_keep);

class StoreContract : public ::testing::TestWithParam<MakeStore> {
 protected:
  void Make(uint64_t history_keep = 1000) { under_test_ = GetParam()(history_keep); }
  Store& store() { return under_test_->store(); }
  void Reopen() { under_test_->Reopen(); }

 private:
  std::unique_ptr<StoreUnderTest> under_test_;
};

}  // namespace sluice::store
