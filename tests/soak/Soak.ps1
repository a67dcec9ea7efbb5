<#
.SYNOPSIS
Runs the module for as long as it is given, under everything that goes wrong on real machines.

.DESCRIPTION
Needs a build, which assembles the module in artifacts/module. Prints a line for each failure, a line of figures for each part and a
total; the exit code is 1 if anything failed. README.md says what the parts prove.

.PARAMETER Minutes
How long all parts may take together. The doses of the parts, and the time that each may take, are in proportion to it.

.PARAMETER Seed
What all that is random depends on: the same seed and the same minutes repeat a failure.

.PARAMETER Only
The parts to run.

.EXAMPLE
dotnet pwsh -NoProfile -File tests/soak/Soak.ps1 -Minutes 10 -Only Flip, Mutate
#>
#Requires -Version 7.6
[CmdletBinding()]
param(
    [ValidateRange(0.1, 10000)]
    [double] $Minutes = 60,

    [int] $Seed = 0,

    [string[]] $Only
)

$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Common.ps1
# What a part does in an hour, and its share of the time.
$parts = [ordered]@{
    Kill = 100, 0.35
    Disk = 1, 0.05
    Flip = 1000, 0.08
    Mutate = 50000, 0.26
    Together = 500, 0.07
    Cycle = 200, 0.12
    Surroundings = 1, 0.07
}
# From the command line, a list is one text.
$Only = if ($Only) { $Only -split '[\s,]+' | Where-Object { $_ } } else { $parts.Keys }
$Only | Where-Object { $_ -notin $parts.Keys } | ForEach-Object { throw "There is no part '$_': $($parts.Keys -join ', ')." }

"Seed $Seed, $($Minutes.ToString($invariant)) minutes, $($Only -join ', ')"
$failed, $clock = 0, [Diagnostics.Stopwatch]::StartNew()
foreach ($part in $parts.Keys | Where-Object { $_ -in $Only }) {
    $full, $share = $parts[$part]
    $dose = [Math]::Max(1, [int] ($full * $Minutes / 60))
    $seconds = [Math]::Max(30, $Minutes * 60 * $share)
    $folder = (New-Item "$([IO.Path]::GetTempPath())/soak-$([guid]::NewGuid())" -ItemType Directory).FullName
    $start = $clock.Elapsed
    try {
        # In a process of its own: a crash is a failure of this part, and the others still run.
        $process = Start-Shell "$PSScriptRoot/$part.ps1" '-Seed', $Seed, '-Dose', $dose, '-Seconds', ([int] $seconds), '-Folder', $folder
        $errors = $process.StandardError.ReadToEndAsync()
        $lines = while ($null -ne ($line = $process.StandardOutput.ReadLine())) {
            if ($line -like 'FAILED*') { "$($part): $line" | Out-Host }
            $line
        }
        $process.WaitForExit()
        $count = @(@($lines) -like 'FAILED*').Count
        if ($process.ExitCode -or $errors.Result) {
            $count++
            "$($part): FAILED: it ended with exit code $($process.ExitCode), after '$(@($lines)[-1])'. $("$($errors.Result)".Trim())"
            $null = New-Item $kept -ItemType Directory -Force
            Copy-Item $folder "$kept/$part" -Recurse -Force -ErrorAction Ignore
        }
        $failed += $count
        $figures = if ($process.ExitCode) { 'no figures' } else { @($lines)[-1] }
        "$($part.PadRight(12)) $figures; $count failures; $(($clock.Elapsed - $start).ToString('hh\:mm\:ss'))"
    } finally {
        if ($process -and !$process.HasExited) { $process.Kill($true) }
        Remove-Item $folder -Recurse -Force
    }
}
"$(@($Only).Count) parts, $failed failures, $($clock.Elapsed.ToString('hh\:mm\:ss'))$($failed ? "; seed $Seed, kept in $kept" : '')"
exit [int] ($failed -gt 0)
