#include "tokenizers/trainers/special_token_roles.h"

#include "tokenizers/tokenizer_config.h"

namespace langzoo {

SpecialTokens special_token_roles(std::span<const AddedToken> tokens) {
  SpecialTokens roles;
  for (const AddedToken& token : tokens) {
    SpecialTokens own = guess_special_tokens({&token, 1});
    if (roles.unk || token.content == "<|endoftext|>") own.unk.reset();
    for (const SpecialTokenRole& role : kSpecialTokenRoles) {
      if (own.*role.member) roles.*role.member = own.*role.member;
    }
  }
  return roles;
}

}  // namespace langzoo
