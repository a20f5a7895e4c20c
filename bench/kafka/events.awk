BEGIN {
    srand(7); host = "WKS"
    for (n = first; n < first + count; n++) {
        t = int(rand() * 997); r = int(rand() * 100)
        hit = (n % 100 == 0) ? int(rand() * 1000) : -1
        image = (hit >= 0) ? "tool" hit ".exe" : "app" t ".exe"
        arg = (hit >= 0) ? " --run" hit " --quiet" : " --profile=" t " --queue=" (n % 8191)
        printf "{\"EventID\":4688,\"UtcTime\":\"2026-01-%02d 1%d:%02d:%02d.%03d\",\"Computer\":\"%s%03d.corp.example\",", 1 + n % 28, n % 10, n % 60, n % 59, n % 1000, host, n % 211
        printf "\"Image\":\"C:\\\\Program Files\\\\Vendor %d\\\\%s\",\"CommandLine\":\"\\\"C:\\\\Program Files\\\\Vendor %d\\\\%s\\\"%s --session=%d-%d\",", t % 50, image, t % 50, image, arg, n, n * 7919 % 1000003
        printf "\"User\":\"CORP\\\\user%d\",\"ParentImage\":\"C:\\\\Windows\\\\System32\\\\svc%d.exe\",\"ParentCommandLine\":\"svc%d.exe -k group%d\",\"CurrentDirectory\":\"C:\\\\Users\\\\user%d\\\\\",", n % 503, t % 37, t % 37, r, n % 503
        printf "\"IntegrityLevel\":\"Medium\",\"ProcessId\":%d,\"ParentProcessId\":%d,\"LogonId\":\"0x%x\",\"Hashes\":\"SHA256=%08X%08X%08X%08X\"}\n", n % 65521, t * 4, n % 99991, n * 2654435761 % 4294967296, n * 40503 % 4294967291, t * 2246822519 % 4294967296, n
    }
}
