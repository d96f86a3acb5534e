/* placeholder until the layer has its first file */ extern int io_placeholder; int io_placeholder;
