using System.Diagnostics;
using System.Globalization;
using Cifar10Ps.Benchmarks;
using Cifar10Ps.Execution;

// Every measurement has a process of its own, so that none inherits another's memory, threads or settings; rounds are interleaved.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["measure", string name])
{
    Console.WriteLine(Measurements.Run(name).ToString("R", CultureInfo.InvariantCulture));
    return 0;
}

if (args is ["cluster"])
{
    ClusterModel.Run();
    return 0;
}

if (args is ["--trace", string file])
{
    ScalingModel.WriteTrace(file);
    return 0;
}

if (args is ["scaling"])
{
    ScalingModel.Run();
    return 0;
}

const int Rounds = 5;
bool isFull = args.Contains("--full");
string filter = args.FirstOrDefault(a => !a.StartsWith('-')) ?? "";
Row[] rows = [.. Table.Rows.Where(row => row.Name.Contains(filter, StringComparison.OrdinalIgnoreCase) && (isFull || !row.IsLong))];
Console.WriteLine(Machine.Describe());
Dictionary<Row, List<double>> results = rows.ToDictionary(row => row, _ => new List<double>());
for (int round = 0; round < Rounds; round++)
{
    foreach (Row row in rows)
    {
        if (row.IsLong && round > 0)
            continue;
        if (Child.Measure(row) is { } value)
            results[row].Add(value);
        Console.Error.WriteLine($"round {round + 1} of {Rounds}: {row.Name} {results[row].LastOrDefault():G5} {row.Unit}");
    }
}

Console.WriteLine();
Console.WriteLine("| measurement | median | range | unit | against the plain loop | against PyTorch |");
Console.WriteLine("|---|---|---|---|---|---|");
foreach (Row row in rows)
{
    List<double> values = results[row];
    if (values.Count == 0)
        continue;
    Console.WriteLine($"| {row.Name} | {Median(row):G4} | {values.Min():G4} to {values.Max():G4} | {row.Unit} | "
        + $"{Ratio(row, Find(row.Plain))} | {Ratio(row, BestPeer(row))} |");
}

if (isFull)
    TimeToAccuracy.Run();
return 0;

double Median(Row row) => results[row].Order().ElementAt(results[row].Count / 2);

// PyTorch counts with the precision that is the faster one on this machine.
Row? BestPeer(Row row) => row.Peer is null ? null : rows
    .Where(peer => peer.Script is not null && peer.Name.StartsWith(row.Peer, StringComparison.Ordinal) && results[peer].Count > 0)
    .MaxBy(Median);

Row? Find(string? name) => rows.FirstOrDefault(row => row.Name == name);

string Ratio(Row row, Row? other) => other is not null && other != row && results[other].Count > 0
    ? (Median(row) / Median(other)).ToString("F2", CultureInfo.InvariantCulture) : "";

namespace Cifar10Ps.Benchmarks
{
    /// <summary>A line of the table.</summary>
    /// <param name="Name">What is measured.</param>
    /// <param name="Unit">Unit of the value.</param>
    /// <param name="Plain">The row of the plain loop that does the same.</param>
    /// <param name="Peer">What the names of PyTorch's rows that do the same begin with.</param>
    /// <param name="Script">Arguments of the Python script that measures it; null if this program does.</param>
    /// <param name="IsLong">Whether it takes minutes, and is measured once, with <c>--full</c>.</param>
    internal sealed record Row(string Name, string Unit, string? Plain = null,
        string? Peer = null, string[]? Script = null, bool IsLong = false);

    /// <summary>The machine that the figures belong to.</summary>
    internal static class Machine
    {
        public static string Describe()
        {
            string processor = File.Exists("/proc/cpuinfo")
                ? File.ReadLines("/proc/cpuinfo")
                    .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? ""
                : "";
            return $"{System.Runtime.InteropServices.RuntimeInformation.OSDescription}, "
                + $"{Environment.ProcessorCount} processors ({processor}), "
                + $"bf16 in hardware: {(Precisions.HasFastBFloat16 ? "yes" : "no")}, .NET {Environment.Version}, "
                + $"{DateTime.Now:yyyy-MM-dd HH:mm}";
        }
    }

    /// <summary>Runs one measurement in a process of its own.</summary>
    internal static class Child
    {
        /// <returns>The value; null where something it needs is not installed.</returns>
        public static double? Measure(Row row)
        {
            ProcessStartInfo start = row.Script is null
                ? new(Environment.ProcessPath!, ["measure", row.Name])
                : new("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "peer.py"), .. row.Script]);
            // The settings of glibc that PyTorch's guides recommend; the engine makes its own.
            if (row.Script is not null)
                (start.Environment["MALLOC_TRIM_THRESHOLD_"], start.Environment["MALLOC_MMAP_THRESHOLD_"],
                    start.Environment["MALLOC_TOP_PAD_"]) = ("2147483647", "1073741824", "268435456");
            start.RedirectStandardOutput = true;
            start.RedirectStandardError = row.Script is not null;
            if (row.Script is not null && !File.Exists(start.FileName))
                return null;
            using Process process = Process.Start(start)!;
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? double.Parse(output.Trim().Split('\n')[^1], CultureInfo.InvariantCulture) : null;
        }
    }
}
