// langzoo-launch: starts the processes that train one model together, on this machine or on several.
#include "apps/cli/launch/launch.h"

int main(int argc, char** argv) {
  return langzoo::launch_program(argc, argv);
}
