#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "controlplane/seal/key_file.h"
#include "controlplane/seal/random.h"
#include "controlplane/seal/sealer.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::seal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kOne(kKeyBytes, '1');
const std::string kTwo(kKeyBytes, '2');

TEST(SealerTest, WhatIsSealedOpensAndCannotBeRead) {
  const Sealer sealer({kOne});
  const std::string sealed = sealer.Seal("secret", "row 1");
  EXPECT_THAT(sealed, Not(HasSubstr("secret")));
  EXPECT_EQ(*sealer.Open(sealed, "row 1"), "secret");
  EXPECT_EQ(*sealer.Open(sealer.Seal("", ""), ""), "");
}

TEST(SealerTest, TheSameTextIsSealedDifferentlyEachTime) {
  const Sealer sealer({kOne});
  EXPECT_NE(sealer.Seal("secret", "row 1"), sealer.Seal("secret", "row 1"));
}

TEST(SealerTest, ARecordInAnothersPlaceIsNotOpened) {
  const Sealer sealer({kOne});
  const std::string sealed = sealer.Seal("secret", "row 1");
  EXPECT_EQ(sealer.Open(sealed, "row 2").status().code(), absl::StatusCode::kDataLoss);
}

TEST(SealerTest, AnyBitThatIsChangedOrCutIsNoticed) {
  const Sealer sealer({kOne});
  const std::string sealed = sealer.Seal("secret", "row 1");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(sealer.Open(changed, "row 1").ok()) << i;
    EXPECT_FALSE(sealer.Open(sealed.substr(0, i), "row 1").ok()) << i;
  }
}

TEST(SealerTest, TheFirstKeySealsAndAllOpen) {
  const Sealer before({kOne});
  const Sealer after({kTwo, kOne});
  const std::string old = before.Seal("secret", "");
  EXPECT_EQ(*after.Open(old, ""), "secret");
  EXPECT_FALSE(after.IsCurrent(old));
  const std::string anew = after.Seal("secret", "");
  EXPECT_TRUE(after.IsCurrent(anew));
  EXPECT_EQ(*Sealer({kTwo}).Open(anew, ""), "secret");
}

TEST(SealerTest, AKeyThatIsMissingIsNamed) {
  const absl::Status status = Sealer({kTwo}).Open(Sealer({kOne}).Seal("x", ""), "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sealed with the key "));
}

TEST(SealerTest, AKeyHasANameThatIsNotItself) {
  const Sealer sealer({kTwo, kOne});
  EXPECT_EQ(sealer.key_name(), KeyName(kTwo));
  EXPECT_EQ(Sealer::KeyNameOf(Sealer({kOne}).Seal("x", "")), KeyName(kOne));
  EXPECT_EQ(KeyName(kOne).size(), 16u);
  EXPECT_THAT(KeyName(kOne), Not(HasSubstr("3131")));
}

TEST(RandomTest, IsOfTheSizeAskedForAndNeverTheSame) {
  EXPECT_EQ(RandomBytes(1000).size(), 1000u);
  EXPECT_NE(RandomBytes(16), RandomBytes(16));
}

TEST(KeyFileTest, KeysAreLinesOfDigits) {
  const std::string one(64, '1');
  const auto keys = ParseKeys(absl::StrCat("# mine\n\n", one, "\r\n  ", std::string(64, 'F')));
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(*keys, ::testing::ElementsAre(std::string(32, '\x11'), std::string(32, '\xff')));
}

TEST(KeyFileTest, WhatIsNoKeyIsRefusedByItsLineOnly) {
  for (const std::string& line :
       {std::string(63, '1'), std::string(65, '1'), std::string(64, 'g')}) {
    const absl::Status status = ParseKeys("#\n" + line).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("line 2: want 64 hexadecimal"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr(line)));
  }
  EXPECT_FALSE(ParseKeys("# nothing\n").ok());
}

TEST(KeyFileTest, WhatIsCreatedIsItsOwnersAndCanBeRead) {
  const store::TempDir dir;
  const std::string path = dir.path() + "/key";
  EXPECT_EQ(ReadKeyFile(path).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(CreateKeyFile(path).ok());
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path).permissions(), perms::owner_read | perms::owner_write);
  const auto sealer = ReadKeyFile(path);
  ASSERT_TRUE(sealer.ok()) << sealer.status();
  EXPECT_EQ(*(*sealer)->Open((*ReadKeyFile(path))->Seal("x", ""), ""), "x");
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("# The key " + (*sealer)->key_name() + ":\n"));
}

TEST(KeyFileTest, OneThatIsThereIsNeverWrittenOver) {
  const store::TempDir dir;
  const std::string path = dir.path() + "/key";
  std::ofstream(path) << "mine";
  EXPECT_EQ(CreateKeyFile(path).code(), absl::StatusCode::kAlreadyExists);
}

TEST(KeyFileTest, OneThatAnybodyMayReadIsRefused) {
  const store::TempDir dir;
  const std::string path = dir.path() + "/key";
  ASSERT_TRUE(CreateKeyFile(path).ok());
  std::filesystem::permissions(path, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_THAT(std::string(ReadKeyFile(path).status().message()), HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace sluice::seal
