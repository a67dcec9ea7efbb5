<#
.SYNOPSIS
Builds, tests or packs the module. It only calls dotnet, Pester and PSResourceGet.

.DESCRIPTION
Without pwsh on the machine, `dotnet tool restore` brings it, and `dotnet pwsh build.ps1 …` runs this script.

.PARAMETER Task
Build assembles the module in artifacts/module/Cifar10Ps. Test runs the .NET tests and the Pester suite on it, Pester the
Pester suite alone. Pack assembles the module in artifacts/<platform>/Cifar10Ps, verifies that its native libraries have all
that they need, and puts three packages into artifacts/packages/<platform>: Cifar10Ps.<version>.nupkg and
Cifar10Ps.Pretrained.<version>.nupkg for Install-PSResource, to which the folder is a repository; and
Cifar10Ps-<version>-<platform>.zip with both modules, to unpack into a folder of $env:PSModulePath. Each platform needs a repository
of its own: only Cifar10Ps.Pretrained is the same on all, and packages of Cifar10Ps have one name and version on all of them.

.PARAMETER NoBuild
Test and Pester take what has been built and restored before, in the same configuration.

.PARAMETER Platform
What Pack packs for: this machine's platform, or any others.

.EXAMPLE
./build.ps1 Test

.EXAMPLE
./build.ps1 Pack -Platform win-x64, win-arm64, linux-x64, osx-arm64
#>
#Requires -Version 7.6
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Pester', 'Pack')]
    [string] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release',

    [switch] $NoBuild,

    [ValidateSet('win-x64', 'win-arm64', 'linux-x64', 'osx-arm64')]
    [string[]] $Platform
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Push-Location $PSScriptRoot
try {
    if ($Task -ne 'Pack' -and !$NoBuild) { dotnet build src/Cifar10Ps --configuration $Configuration }
    if ($Task -eq 'Test') { dotnet test --configuration $Configuration ($NoBuild ? '--no-build' : @()) }
    if ($Task -in 'Test', 'Pester') {
        if (!$NoBuild) { dotnet restore tests/Pester }
        Import-Module (dotnet msbuild tests/Pester -getProperty:PesterModule)
        # The tests start pwsh by its name: that shall be this one, which is a program of dotnet where it is its tool.
        $env:PATH = "$PSHOME$([IO.Path]::PathSeparator)$env:PATH"
        if ((Split-Path -LeafBase ([Environment]::ProcessPath)) -eq 'dotnet') { $env:DOTNET_ROOT = Split-Path ([Environment]::ProcessPath) }
        $run = Invoke-Pester -Path tests/Pester -Output Detailed -PassThru
        "Pester: $($run.PassedCount) passed, $($run.FailedCount) failed, $($run.SkippedCount) skipped"
        if ($run.Result -ne 'Passed') { throw "The Pester suite failed: $($run.FailedCount) tests, $($run.FailedContainersCount) files." }
    }
    if ($Task -eq 'Pack') {
        dotnet build src/Cifar10Ps.Pretrained --configuration $Configuration
        $Platform ??= dotnet msbuild src/Cifar10Ps -getProperty:NativePlatform
        foreach ($name in $Platform) {
            $module = "$PSScriptRoot/artifacts/$name/Cifar10Ps"
            $pretrained = "$PSScriptRoot/artifacts/module/Cifar10Ps.Pretrained"
            $packages = "$PSScriptRoot/artifacts/packages/$name"
            Remove-Item (Split-Path $module), $packages -Recurse -ErrorAction Ignore
            $null = New-Item $packages -ItemType Directory
            dotnet build src/Cifar10Ps --configuration $Configuration -p:NativePlatform=$name
            dotnet run --project src/Cifar10Ps.Build --configuration $Configuration -- verify $module/dependencies $name
            $version = (Import-PowerShellDataFile $module/Cifar10Ps.psd1).ModuleVersion

            # The notes of this version are those in CHANGELOG.md, here and in the manifest that is packed, which also tells the platform.
            $changes = Get-Content -Raw CHANGELOG.md
            if ($changes -notmatch "(?s)\n## $([regex]::Escape($version))\b[^\n]*\n(.*?)(?=\n## |$)") {
                throw "CHANGELOG.md has no section '## $version'."
            }
            $notes = $Matches[1].Trim() -replace "'", "''"
            $manifest = [IO.File]::ReadAllText("$module/Cifar10Ps.psd1")
            $system = @{ linux = 'Linux'; osx = 'MacOS'; win = 'Windows' }[($name -split '-')[0]]
            [IO.File]::WriteAllText("$module/Cifar10Ps.psd1",
                $manifest.Replace("'PSEdition_Core')", "'PSEdition_Core', '$system')").Replace("'See CHANGELOG.md.'", "'$notes'"))

            Compress-PSResource -Path $module -DestinationPath $packages
            Compress-PSResource -Path $pretrained -DestinationPath $packages
            Copy-Item $pretrained (Split-Path $module) -Recurse
            [IO.Compression.ZipFile]::CreateFromDirectory((Split-Path $module), "$packages/Cifar10Ps-$version-$name.zip")
            Remove-Item "$(Split-Path $module)/Cifar10Ps.Pretrained" -Recurse
            foreach ($package in Get-ChildItem $packages) {
                "$($package.Name): $(($package.Length / 1MB).ToString('N0')) MB"
                # What a repository takes.
                if ($package.Extension -eq '.nupkg' -and $package.Length -gt 250MB) { throw "$package is larger than 250 MB." }
            }
        }
    }
} finally {
    Pop-Location
}
