/* placeholder until the layer has its first file */ extern int wx_placeholder; int wx_placeholder;
