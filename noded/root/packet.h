#include "libcommon/ipc/packet.h"
