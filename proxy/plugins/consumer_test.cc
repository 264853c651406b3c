#include "proxy/plugins/consumer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace sluice::plugins {
namespace {

std::shared_ptr<const Consumer> Named(const std::string& name) {
  auto consumer = std::make_shared<Consumer>();
  consumer->name = name;
  return consumer;
}

std::string Digest(int i) { return std::string(28, 'd') + std::to_string(1000 + i); }

TEST(ConsumerTableTest, FindsWhomACredentialBelongsTo) {
  ConsumerTable table;
  for (int i = 0; i < 1000; ++i) table.Insert("key_auth", Digest(i), Named(std::to_string(i)));
  for (int i = 0; i < 1000; ++i) {
    const Consumer* found = table.FindByCredential("key_auth", Digest(i));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name, std::to_string(i));
  }
  EXPECT_EQ(table.FindByCredential("key_auth", Digest(1000)), nullptr);
  EXPECT_EQ(table.FindByCredential("basic_auth", Digest(1)), nullptr);
}

TEST(ConsumerTableTest, ACopyChangesWithoutTheOther) {
  ConsumerTable before;
  before.Insert("key_auth", Digest(1), Named("alice"));
  before.Insert("key_auth", Digest(2), Named("bob"));
  ConsumerTable after = before;
  after.Remove("key_auth", Digest(1));
  after.Insert("key_auth", Digest(2), Named("carol"));
  after.Insert("key_auth", Digest(3), Named("dave"));
  EXPECT_EQ(before.FindByCredential("key_auth", Digest(1))->name, "alice");
  EXPECT_EQ(before.FindByCredential("key_auth", Digest(2))->name, "bob");
  EXPECT_EQ(before.FindByCredential("key_auth", Digest(3)), nullptr);
  EXPECT_EQ(after.FindByCredential("key_auth", Digest(1)), nullptr);
  EXPECT_EQ(after.FindByCredential("key_auth", Digest(2))->name, "carol");
  EXPECT_EQ(after.FindByCredential("key_auth", Digest(3))->name, "dave");
}

TEST(ConsumerTableTest, RemovingWhatIsNotThereChangesNothing) {
  ConsumerTable table;
  table.Remove("key_auth", Digest(1));
  table.Insert("key_auth", Digest(2), Named("bob"));
  table.Remove("key_auth", Digest(1));
  EXPECT_EQ(table.FindByCredential("key_auth", Digest(2))->name, "bob");
  EXPECT_EQ(table.size(), 1u);
}

}  // namespace
}  // namespace sluice::plugins
